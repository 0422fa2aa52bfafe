import { defer, finalize, Subject, type Observable } from 'rxjs';
import type { ChannelEntry } from '../app/hub/channelLog.js';
import { StoreError } from '../errors.js';
import { failed } from './broker.js';

/** Who listens to which channel. */
export interface Tails {
  readonly get: (channel: string) => Subject<ChannelEntry> | undefined;
  readonly of: (channel: string) => Observable<ChannelEntry>;
  /** All have lost the thread, for a reason or by an error: they are subscribed again, and read what they have missed. */
  readonly lose: (reason: unknown) => void;
}

export function createTails(): Tails {
  const tails = new Map<string, Subject<ChannelEntry>>();
  return {
    get: (channel) => tails.get(channel),
    of: (channel) =>
      defer(() => {
        const tail = tails.get(channel) ?? new Subject<ChannelEntry>();
        tails.set(channel, tail);
        return tail.pipe(
          finalize(() => {
            if (!tail.observed && tails.get(channel) === tail) tails.delete(channel);
          }),
        );
      }),
    lose(reason) {
      const error = typeof reason === 'string' ? new StoreError('nats', 'evicted', new Error(reason)) : failed(reason);
      const lost = [...tails.values()];
      tails.clear();
      for (const tail of lost) tail.error(error);
    },
  };
}
