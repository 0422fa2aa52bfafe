import { RxwireError } from './rxwireError.js';

/**
 * A stream over a wire has ended before its end: the other side has destroyed its stream, or has
 * none.
 */
export class StreamClosedError extends RxwireError {
  declare readonly stream: string;
  declare readonly reason: string;

  /** @param stream The type of the messages of the stream. */
  constructor(stream: string, reason: string, cause?: unknown) {
    super('ERR_STREAM_CLOSED', `the stream "${stream}" was closed before its end: ${reason}`, { stream, reason }, cause);
  }
}
