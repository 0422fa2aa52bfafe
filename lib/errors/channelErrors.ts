import { becauseOf, RxwireError } from './rxwireError.js';

/** The server refused a join, removed this client from the channel, or rejected a published message; see `reason`. */
export class ChannelRefusedError extends RxwireError {
  declare readonly channel: string;
  declare readonly action: 'join' | 'publish';
  declare readonly reason: string;
  /** The id of the rejected message. */
  declare readonly id?: string;

  constructor(channel: string, action: 'join' | 'publish', reason: string, id?: string) {
    super(
      'ERR_CHANNEL_REFUSED',
      `the hub refused to let this client ${action === 'join' ? 'join' : 'publish to'} the channel ${channel}: ${reason}`,
      { channel, action, reason, ...(id !== undefined && { id }) },
    );
  }
}

/** The log of a hub, or one of its callbacks, has failed. The request that needed it is refused. */
export class ChannelFailedError extends RxwireError {
  declare readonly part: 'log' | 'authorize' | 'identify';
  declare readonly channel: string;

  /** @param channel Empty if the error concerns no single channel. */
  constructor(part: 'log' | 'authorize' | 'identify', channel: string, cause: unknown) {
    super(
      'ERR_CHANNEL_FAILED',
      `"${part}" of the hub failed for the channel ${channel || 'of a client'}${becauseOf(cause)}`,
      { part, channel },
      cause,
    );
  }
}
