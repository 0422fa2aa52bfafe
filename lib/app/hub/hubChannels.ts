import { defer, type Observable } from 'rxjs';
import type { Message } from '../../message/types.js';
import { createHubChannel, type HubChannel, type HubChannelOptions } from './hubChannel.js';

/** The channels of a hub that have members or subscribers. */
export interface HubChannels {
  readonly open: (channel: string) => HubChannel;
  /** Returns the number of clients in a channel. */
  readonly sizeOf: (channel: string) => number;
  /** Sends a message to the present members of a channel, without storing it. @throws The error of the log. */
  readonly broadcast: (channel: string, message: Message) => void;
  /** Opens a channel at subscription, and emits the selected stream of it. */
  readonly observe: <T>(channel: string, select: (hubChannel: HubChannel) => Observable<T>) => Observable<T>;
}

export function createHubChannels(
  options: Omit<HubChannelOptions, 'onEmpty' | 'onFailed'>,
  onFailed: (channel: string, error: unknown) => void,
): HubChannels {
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
    broadcast(channel, message) {
      if (options.log.broadcast) options.log.broadcast(channel, message);
      else channels.get(channel)?.broadcast(message);
    },
    observe: (channel, select) => defer(() => select(open(channel))),
  };
}
