import { defer, finalize, Subject, type Observable } from 'rxjs';
import type { ChannelEntry } from '../app/hub/channelLog.js';
import { StoreError } from '../errors.js';
import { failed } from './natsContext.js';

/** The subscribers of new messages, by channel. */
export interface ChannelTails {
  readonly get: (channel: string) => Subject<ChannelEntry> | undefined;
  readonly of: (channel: string) => Observable<ChannelEntry>;
  /** Fails all tails, with a reason or an error: the hub subscribes again and reads the missed messages. */
  readonly fail: (reason: unknown) => void;
}

export function createChannelTails(): ChannelTails {
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
    fail(reason) {
      const error = typeof reason === 'string' ? new StoreError('nats', 'evicted', new Error(reason)) : failed(reason);
      const lost = [...tails.values()];
      tails.clear();
      for (const tail of lost) tail.error(error);
    },
  };
}
