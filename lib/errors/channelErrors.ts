import { becauseOf, RxwireError } from './rxwireError.js';

const VERBS = { join: 'join', publish: 'publish to', end: 'end', presence: 'update its presence in' } as const;

/**
 * The server refused a join, removed this client from the channel, or rejected a published message
 * or the end of the channel; see `reason`.
 */
export class ChannelRefusedError extends RxwireError {
  declare readonly channel: string;
  declare readonly action: keyof typeof VERBS;
  declare readonly reason: string;
  /** The id of the rejected message. */
  declare readonly id?: string;

  constructor(channel: string, action: keyof typeof VERBS, reason: string, id?: string) {
    super('ERR_CHANNEL_REFUSED', `the hub refused to let this client ${VERBS[action]} the channel ${channel}: ${reason}`, {
      channel,
      action,
      reason,
      ...(id !== undefined && { id }),
    });
  }
}

/**
 * A channel has ended: with an error, by an interruption, or normally, and then a message was
 * published to it.
 */
export class ChannelEndedError extends RxwireError {
  declare readonly channel: string;
  /** How it has ended. */
  declare readonly status: 'completed' | 'failed' | 'interrupted';
  /** The reason that was given. */
  declare readonly reason?: string;

  constructor(channel: string, { status, reason }: Pick<ChannelEndedError, 'status' | 'reason'>) {
    super(
      'ERR_CHANNEL_ENDED',
      `the channel ${channel} has ended: it was ${status}${reason === undefined ? '' : `, because of: ${reason}`}`,
      {
        channel,
        status,
        ...(reason !== undefined && { reason }),
      },
    );
  }
}

/**
 * The log of a hub, its shared presence, or one of its callbacks, has failed. The request that
 * needed it is refused.
 */
export class ChannelFailedError extends RxwireError {
  declare readonly part: 'log' | 'presence' | 'authorize' | 'identify';
  declare readonly channel: string;

  /** @param channel Empty if the error concerns no single channel. */
  constructor(part: 'log' | 'presence' | 'authorize' | 'identify', channel: string, cause: unknown) {
    super(
      'ERR_CHANNEL_FAILED',
      `"${part}" of the hub failed${channel && ` for the channel ${channel}`}${becauseOf(cause)}`,
      { part, channel },
      cause,
    );
  }
}

/**
 * The server did not answer the request to join a channel in time. The channel repeats the request.
 */
export class ChannelTimeoutError extends RxwireError {
  declare readonly channel: string;
  declare readonly timeout: number;

  /** @param timeout The time that the channel has waited, in ms. */
  constructor(channel: string, timeout: number) {
    super(
      'ERR_CHANNEL_TIMEOUT',
      `the server did not answer the request to join the channel ${channel} within ${timeout} ms. It has no hub that serves this wire, or its hub is slow`,
      { channel, timeout },
    );
  }
}
