import type { ChannelAction } from '../channelTypes.js';
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
    super('ERR_REPLY', { remoteCode, reason });
  }
}

/** The other side was silent about a request for too long. It may have executed the request. */
export class RequestTimeoutError extends RxwireError {
  declare readonly id: string;
  declare readonly timeout: number;
  /** The type of the request. */
  declare readonly type?: string;

  /** @param timeout The duration of the silence, in ms. */
  constructor(id: string, timeout: number, type?: string) {
    super('ERR_REQUEST_TIMEOUT', { id, timeout, ...(type !== undefined && { type }) });
  }
}

/** A function of the application has failed, for one connection. `cause` is its error. */
export class CallbackError extends RxwireError {
  /** The name of the option; `subscriber`, if a subscriber has failed. */
  declare readonly callback: string;

  constructor(callback: string, cause: unknown) {
    super('ERR_CALLBACK', { callback }, cause);
  }
}

/** A stream over a wire has ended too early: the other side has destroyed it, or has none. */
export class StreamClosedError extends RxwireError {
  declare readonly stream: string;
  declare readonly reason: string;

  /** @param stream The type of the messages of the stream. */
  constructor(stream: string, reason: string, cause?: unknown) {
    super('ERR_STREAM_CLOSED', { stream, reason }, cause);
  }
}

/** No wire of a pool became free in time; `cause` is the error of the wire that ended last. */
export class PoolTimeoutError extends RxwireError {
  declare readonly timeout: number;
  declare readonly size: number;
  declare readonly leased: number;

  /** @param timeout In ms. @param size The number of wires. @param leased Those in use. */
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

/** The server refused a join, a message or the end of a channel, or removed this client. */
export class ChannelRefusedError extends RxwireError {
  declare readonly channel: string;
  declare readonly action: ChannelAction;
  declare readonly reason: string;
  /** The id of the rejected message. */
  declare readonly id?: string;

  constructor(channel: string, action: ChannelAction, reason: string, id?: string) {
    super('ERR_CHANNEL_REFUSED', { channel, action, reason, ...(id !== undefined && { id }) });
  }
}

/**
 * A channel has ended: with an error, by an interruption, or normally. In the last case, the reader
 * has missed messages, or a message was published to the channel.
 */
export class ChannelEndedError extends RxwireError {
  declare readonly channel: string;
  /**
   * How it has ended. `incomplete`: its writer has completed it, but this reader has missed
   * messages that the server no longer has.
   */
  declare readonly status: 'completed' | 'failed' | 'interrupted' | 'incomplete';
  /** The reason that was given. */
  declare readonly reason?: string;

  constructor(channel: string, { status, reason }: Pick<ChannelEndedError, 'status' | 'reason'>) {
    super('ERR_CHANNEL_ENDED', { channel, status, ...(reason !== undefined && { reason }) });
  }
}

/** The log of a hub, its presence or a callback has failed. The hub refuses the request. */
export class ChannelFailedError extends RxwireError {
  declare readonly part: 'log' | 'presence' | 'authorize' | 'identify';
  declare readonly channel: string;

  /** @param channel Empty if the error concerns no single channel. */
  constructor(part: 'log' | 'presence' | 'authorize' | 'identify', channel: string, cause: unknown) {
    super('ERR_CHANNEL_FAILED', { part, channel }, cause);
  }
}

/**
 * The server did not answer a request of a channel in time. The channel repeats a request to join.
 * A message may have been published.
 */
export class ChannelTimeoutError extends RxwireError {
  declare readonly channel: string;
  declare readonly timeout: number;

  /** @param timeout The time that the channel has waited, in ms. */
  constructor(channel: string, timeout: number) {
    super('ERR_CHANNEL_TIMEOUT', { channel, timeout });
  }
}
