import { repeat, type SchedulerLike, type Subscription } from 'rxjs';
import { after } from '../../internal/after.js';
import type { ChannelJoin } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Wire } from '../../wire/wire.js';

/** Sends a join request, and repeats it every `answerTimeout` until `stop` is called. */
export interface JoinRetry {
  /** The number of the latest join request; 0 before the first. */
  readonly join: number;
  start(details: Omit<ChannelJoin, 'channel' | 'join'>): void;
  readonly stop: () => void;
}

export function createJoinRetry(wire: Wire, channel: string, answerTimeout: number, scheduler: SchedulerLike): JoinRetry {
  let join = 0;
  let retrying: Subscription | undefined;

  const stop = (): void => retrying?.unsubscribe();
  return {
    get join() {
      return join;
    },
    start(details) {
      stop();
      const message = createMessage('channel.join', { channel, join: ++join, ...details }, { delivery: 'at-least-once', scheduler });
      wire.next(message);
      // While the first copy is still queued, the wire recognizes the repeat by its id and sends one message.
      retrying = after(answerTimeout, scheduler)
        .pipe(repeat())
        .subscribe(() => wire.next(message));
    },
    stop,
  };
}
