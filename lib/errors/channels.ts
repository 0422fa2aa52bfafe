import { RxwireError } from './rxwireError.js';

/** The server did not let us into a channel, has put us out, or did not let through what we have published; `reason` says why. */
export class ChannelRefusedError extends RxwireError {
  declare readonly channel: string;
  declare readonly action: 'join' | 'publish';
  declare readonly reason: string;
  /** The id of the message that was not let through. */
  declare readonly id?: string;

  constructor(channel: string, action: 'join' | 'publish', reason: string, id?: string) {
    super('ERR_CHANNEL_REFUSED', { channel, action, reason, ...(id !== undefined && { id }) });
  }
}

/** What a hub stands on has failed: its log, or a callback of yours. What was asked for is refused. */
export class ChannelFailedError extends RxwireError {
  declare readonly part: 'log' | 'authorize' | 'identify';
  declare readonly channel: string;

  /** @param channel Empty, where it is about no single one. */
  constructor(part: 'log' | 'authorize' | 'identify', channel: string, cause: unknown) {
    super('ERR_CHANNEL_FAILED', { part, channel }, cause);
  }
}
