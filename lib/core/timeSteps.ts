/** Longer delays end at a multiple of `STEP`, so that many sessions share a moment. */
const LONG = 1_000;
const STEP = 125;

/** Returns the time at which a delay ends, or a moment later. All are in ms. */
export function endOf(delay: number, now: number): number {
  return delay < LONG ? now + delay : Math.ceil((now + delay) / STEP) * STEP;
}
