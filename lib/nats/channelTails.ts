import type { Observable, Subject } from 'rxjs';
import type { ChannelEntry } from '../app/hub/channelLog.js';
import { StoreError } from '../errors.js';
import { createNamedSubjects } from '../internal/namedSubjects.js';
import { failed } from './natsContext.js';

/** The subscribers of new messages, by channel. */
export interface ChannelTails {
  readonly get: (channel: string) => Subject<ChannelEntry> | undefined;
  readonly of: (channel: string) => Observable<ChannelEntry>;
  /** Fails all tails, with a reason or an error: the hub subscribes again and reads the missed messages. */
  readonly fail: (reason: unknown) => void;
}

export function createChannelTails(): ChannelTails {
  const tails = createNamedSubjects<ChannelEntry>();
  return {
    get: tails.get,
    of: tails.of,
    fail(reason) {
      const error = typeof reason === 'string' ? new StoreError('nats', 'evicted', new Error(reason)) : failed(reason);
      for (const tail of tails.clear()) tail.error(error);
    },
  };
}
