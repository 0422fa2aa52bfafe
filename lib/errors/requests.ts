import { RxwireError } from './rxwireError.js';

/** A request was answered with an error. Thrown by a handler of `reply`, it says what the caller gets. */
export class ReplyError extends RxwireError {
  declare readonly remoteCode: string;
  declare readonly reason: string;

  /**
   * @param remoteCode What to branch on at the caller, as `ERR_NO_SUCH_FILE`.
   * @param reason A text for people.
   */
  constructor(remoteCode: string, reason: string) {
    super('ERR_REPLY', { remoteCode, reason });
  }
}

/** The other side was silent about a request for too long. It may have been carried out all the same. */
export class RequestTimeoutError extends RxwireError {
  declare readonly id: string;
  declare readonly timeout: number;

  /** @param timeout How long it was silent, in ms. */
  constructor(id: string, timeout: number) {
    super('ERR_REQUEST_TIMEOUT', { id, timeout });
  }
}
