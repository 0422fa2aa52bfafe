import { defer, type Observable } from 'rxjs';
import { createHubChannel, type HubChannel, type HubChannelOptions } from './hubChannel.js';

/** The channels of a hub that have members or subscribers. */
export interface HubChannels {
  readonly open: (channel: string) => HubChannel;
  /** Returns the number of clients in a channel. */
  readonly sizeOf: (channel: string) => number;
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
  return { open, sizeOf: (channel) => channels.get(channel)?.size ?? 0, observe: (channel, select) => defer(() => select(open(channel))) };
}
