import type { Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../../server/hub/channelLog.js';
import { createNamedSubjects } from './namedSubjects.js';
import { createTrampoline } from '../../operators/subscribing/trampoline.js';

/** The subscribers of channels in this process. */
export interface LocalTails {
  /** Emits each entry and broadcast of a channel from the time of subscription on. */
  of(channel: string): Observable<ChannelEntry | ChannelBroadcast>;
  /** Returns whether a channel has subscribers. */
  has(channel: string): boolean;
  /** Adds an entry or a broadcast. {@link emit} emits it. */
  add(channel: string, entry: ChannelEntry | ChannelBroadcast): void;
  /** Emits all added entries. Broadcasts during the emission follow, in order. */
  emit(): void;
}

export function createLocalTails(): LocalTails {
  const tails = createNamedSubjects<ChannelEntry | ChannelBroadcast>();
  const notifications = createTrampoline();
  return {
    has: (channel) => tails.get(channel) !== undefined,
    add(channel, entry) {
      const tail = tails.get(channel);
      if (tail) notifications.add(() => tail.next(entry));
    },
    emit: () => notifications.run(),
    of: tails.of,
  };
}
