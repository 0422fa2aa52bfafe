import { RxwireError } from './rxwireError.js';

/** No wire of a pool became free in time; `cause` is why the last one ended, if one did. */
export class PoolTimeoutError extends RxwireError {
  declare readonly timeout: number;
  declare readonly size: number;
  declare readonly leased: number;

  /** @param timeout How long was waited, in ms. @param size How many wires there are. @param leased How many of them are in use. */
  constructor(timeout: number, size: number, leased: number, cause?: unknown) {
    super('ERR_POOL_TIMEOUT', { timeout, size, leased }, cause);
  }
}

/** The pool was destroyed: it has no wires any more. */
export class PoolClosedError extends RxwireError {
  constructor() {
    super('ERR_POOL_CLOSED');
  }
}
