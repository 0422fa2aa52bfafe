import { defer, type Observable } from 'rxjs';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { createHubChannel, type HubChannel, type HubChannelOptions } from './hubChannel.js';

/** The channels of a hub that have members or subscribers. */
export interface HubChannels {
  readonly open: (channel: string) => HubChannel;
  /** Returns the number of clients in a channel. */
  readonly sizeOf: (channel: string) => number;
  /**
   * Appends a message to the log, and returns its position. Sends an at-most-once message to the present members, without storing it.
   *
   * @throws The error of the log, also delivered.
   */
  readonly store: (channel: string, message: Message) => MaybeAsync<ChannelPosition | undefined>;
  /** Opens a channel at subscription, and emits the selected stream of it. */
  readonly observe: <T>(channel: string, select: (hubChannel: HubChannel) => Observable<T>) => Observable<T>;
}

export function createHubChannels(
  options: Omit<HubChannelOptions, 'onEmpty' | 'onFailed'>,
  onFailed: (channel: string, error: unknown) => void,
): HubChannels {
  const { log } = options;
  const channels = new Map<string, HubChannel>();

  const open = (channel: string): HubChannel => {
    const existing = channels.get(channel);
    if (existing) return existing;
    const hubChannel = createHubChannel(channel, {
      ...options,
      onFailed: (error) => onFailed(channel, error),
      onEmpty: () => void channels.delete(channel),
    });
    channels.set(channel, hubChannel);
    return hubChannel;
  };
  return {
    open,
    sizeOf: (channel) => channels.get(channel)?.size ?? 0,
    store(channel, message) {
      if (message.delivery !== 'at-most-once') return log.append(channel, message);
      if (log.broadcast) log.broadcast(channel, message);
      else channels.get(channel)?.broadcast(message);
      return undefined;
    },
    observe: (channel, select) => defer(() => select(open(channel))),
  };
}
