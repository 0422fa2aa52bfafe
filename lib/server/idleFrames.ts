import type { SchedulerLike } from 'rxjs';

export interface IdleFramesOptions {
  /** Frames of a client that may set nothing in motion; a tenth of that is forgiven each second. @default 1_000 */
  readonly maxIdleFrames?: number | undefined;
  /** How often each side must be heard, in ms: who keeps to that may ask and answer so often, whatever the limit. @default 15_000 */
  readonly pingInterval?: number | undefined;
  readonly scheduler: SchedulerLike;
}

/** So many frames come before it is looked again what has become of them: each of them costs a number that is raised. */
export const LOOK = 256;

/** In how many ms as many are forgiven as may come at once. */
const FORGIVEN = 10_000;
/** Frames that each side may have reason to send in an interval of the heartbeat: two to ask, and two that answer. */
const PER_INTERVAL = 4;

/** How far a session has got. */
export interface Moved {
  /** One or two for each message that has come; for each that was acked, two: once when it came, and once when it was done. */
  readonly steps: number;
  /** Frames that may still turn out to have been something: that are not read yet, that wait for a subscriber, or have said of a message which is not acked that it has come. */
  readonly open: number;
}

/**
 * Tells whether a client sends too much that sets nothing in motion: it asks and asks, acks what is acked, repeats what has come. It is not looked at what each frame
 * is, but at how far the session has got by {@link LOOK} of them: who brings messages, or acks what was sent, may be as fast as it can.
 *
 * @returns Is to be called once more after so many frames; answers whether that was too much.
 */
export function createIdleFrames({ maxIdleFrames: max = 1_000, pingInterval = 15_000, scheduler }: IdleFramesOptions, moved: () => Moved) {
  const perMs = max / FORGIVEN + PER_INTERVAL / pingInterval;
  let idle = 0;
  let before = moved().steps;
  let at = scheduler.now();

  return (): boolean => {
    if (max === Infinity) return false;
    const now = scheduler.now();
    const { steps, open } = moved();
    // Numbers that begin anew are no step back.
    idle = Math.max(0, idle + LOOK - Math.max(0, steps - before) - (now - at) * perMs);
    [before, at] = [steps, now];
    return idle > max + open;
  };
}
