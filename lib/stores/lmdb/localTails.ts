import { defer, finalize, Subject, type Observable } from 'rxjs';
import type { ChannelBroadcast, ChannelEntry } from '../../server/hub/channelLog.js';
import { createTrampoline } from '../../operators/subscribing/trampoline.js';

type Emission = ChannelEntry | ChannelBroadcast;

/** Creates the tails of channels for this process. Each exists while it has subscribers. */
export function createLocalTails() {
  const tails = new Map<string, Subject<Emission>>();
  const notifications = createTrampoline();
  return {
    /** Emits each entry and broadcast of a channel from the time of subscription on. */
    of: (channel: string): Observable<Emission> =>
      defer(() => {
        const tail = tails.get(channel) ?? new Subject<Emission>();
        tails.set(channel, tail);
        return tail.pipe(
          finalize(() => {
            if (!tail.observed && tails.get(channel) === tail) tails.delete(channel);
          }),
        );
      }),
    /** Returns whether a channel has subscribers. */
    has: (channel: string): boolean => tails.has(channel),
    /** Adds an entry or a broadcast. `emit` emits it. */
    add(channel: string, entry: Emission): void {
      const tail = tails.get(channel);
      if (tail) notifications.add(() => tail.next(entry));
    },
    /** Emits all added entries. Broadcasts during the emission follow, in order. */
    emit: (): void => notifications.run(),
  };
}
