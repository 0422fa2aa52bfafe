import { repeat, type SchedulerLike, type Subscription } from 'rxjs';
import { after } from '../../internal/after.js';
import type { ChannelJoin } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Wire } from '../../wire/wire.js';

/** Asks to be let into a channel, again and again, until there is an answer. */
export interface Asking {
  /** Which join it is; 0 before the first. */
  readonly join: number;
  ask(details: Omit<ChannelJoin, 'channel' | 'join'>): void;
  readonly stop: () => void;
}

export function createAsking(wire: Wire, channel: string, joinTimeout: number, scheduler: SchedulerLike): Asking {
  let join = 0;
  let again: Subscription | undefined;

  const stop = (): void => again?.unsubscribe();
  return {
    get join() {
      return join;
    },
    ask(details) {
      stop();
      const message = createMessage('channel.join', { channel, join: ++join, ...details }, { delivery: 'at-least-once', scheduler });
      wire.next(message);
      // While it is still on its way, the wire takes it for the same message, and sends it once.
      again = after(joinTimeout, scheduler)
        .pipe(repeat())
        .subscribe(() => wire.next(message));
    },
    stop,
  };
}
