import { RxwireError } from './rxwireError.js';

/**
 * A request was answered with an error. A handler of `reply` throws it to choose the error that the
 * caller receives.
 */
export class ReplyError extends RxwireError {
  declare readonly remoteCode: string;
  declare readonly reason: string;

  /**
   * @param remoteCode A code for the caller to branch on, as `ERR_NO_SUCH_FILE`.
   * @param reason A text for people.
   */
  constructor(remoteCode: string, reason: string) {
    super('ERR_REPLY', `the request failed at the other side with ${remoteCode}: ${reason}`, { remoteCode, reason });
  }
}

/**
 * The other side was silent about a request for too long. It may still have executed the request.
 */
export class RequestTimeoutError extends RxwireError {
  declare readonly id: string;
  declare readonly timeout: number;

  /** @param timeout The duration of the silence, in ms. */
  constructor(id: string, timeout: number) {
    super('ERR_REQUEST_TIMEOUT', `the other side did not answer the request ${id} within ${timeout} ms`, { id, timeout });
  }
}
