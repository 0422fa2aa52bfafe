import { becauseOf, RxwireError } from './rxwireError.js';

/**
 * No wire of a pool became free in time; `cause` is the error of the wire that ended last, if any.
 */
export class PoolTimeoutError extends RxwireError {
  declare readonly timeout: number;
  declare readonly size: number;
  declare readonly leased: number;

  /**
   * @param timeout The time of waiting, in ms. @param size The number of wires.
   * @param leased The
   *   number of wires in use.
   */
  constructor(timeout: number, size: number, leased: number, cause?: unknown) {
    super(
      'ERR_POOL_TIMEOUT',
      `no wire became free within ${timeout} ms: ${leased} of ${size} are in use${becauseOf(cause)}`,
      { timeout, size, leased },
      cause,
    );
  }
}

/** The pool was destroyed: it has no wires any more. */
export class PoolClosedError extends RxwireError {
  constructor() {
    super('ERR_POOL_CLOSED', 'the pool is destroyed and has no wires');
  }
}
