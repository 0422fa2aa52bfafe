import type { FullServeOptions } from '../serverOptions.js';

/** The pings and acks of each `pingInterval` are always allowed. */
type FloodGuardOptions = Pick<FullServeOptions, 'maxIdleFrames' | 'pingInterval' | 'scheduler'>;

/**
 * The guard checks the progress of a session once in this many frames: other frames only cost an
 * increment.
 */
export const FRAMES_PER_CHECK = 256;

/** The time in which the whole allowance recovers, in ms. */
const RECOVERY = 10_000;
/**
 * Frames that each side may have reason to send in an interval of the heartbeat: two pings and two
 * answers.
 */
const FRAMES_PER_INTERVAL = 4;

export interface ConnectionProgress {
  /**
   * One or two for each message received; two for each message acked: one when it was received, and
   * one when it was processed.
   */
  readonly steps: number;
  /**
   * Frames whose effect is not known yet: they are not read, wait for a subscriber, or have
   * confirmed that a message was received but not that it was processed.
   */
  readonly open: number;
}

/**
 * Creates the guard against a client that floods the server with frames without effect: pings, acks
 * of acked messages, repeats. The guard does not inspect frames. It compares the progress of the
 * session with the number of frames: a client that sends messages, or acks those of the server, may
 * be as fast as it can.
 *
 * @returns A function to be called after each {@link FRAMES_PER_CHECK} frames. It returns whether
 *   the client is flooding.
 */
export function createFloodGuard({ maxIdleFrames, pingInterval, scheduler }: FloodGuardOptions, progress: () => ConnectionProgress) {
  const recoveredPerMs = maxIdleFrames / RECOVERY + FRAMES_PER_INTERVAL / pingInterval;
  let idle = 0;
  let before = progress().steps;
  let at = scheduler.now();

  return (): boolean => {
    if (maxIdleFrames === Infinity) return false;
    const now = scheduler.now();
    const { steps, open } = progress();
    // Numbers that start again at 0 do not count as a step back.
    idle = Math.max(0, idle + FRAMES_PER_CHECK - Math.max(0, steps - before) - Math.max(0, now - at) * recoveredPerMs);
    [before, at] = [steps, now];
    return idle > maxIdleFrames + open;
  };
}
