import { repeat, type SchedulerLike, type Subscription } from 'rxjs';
import { ChannelTimeoutError } from '../../errors.js';
import { after } from '../../internal/after.js';
import type { ChannelJoin } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Wire } from '../../wire/wire.js';

/**
 * Sends a join request, and repeats it every `answerTimeout` until `stop` is called. Reports a
 * request that the server does not answer, once.
 */
export interface JoinRetry {
  /** The number of the latest join request; 0 before the first. */
  readonly join: number;
  start(details: Omit<ChannelJoin, 'channel' | 'join'>): void;
  readonly stop: () => void;
}

export interface JoinRetryOptions {
  readonly channel: string;
  readonly wire: Wire;
  readonly answerTimeout: number;
  readonly scheduler: SchedulerLike;
}

/**
 * @param onUnanswered Called once for each join request, if the server does not answer it although
 *   there is a connection.
 */
export function createJoinRetry(
  { wire, channel, answerTimeout, scheduler }: JoinRetryOptions,
  onUnanswered: (error: ChannelTimeoutError) => void,
): JoinRetry {
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
      let isReported = false;
      // While the first copy is still queued, the wire recognizes the repeat by its id and sends
      // one message.
      retrying = after(answerTimeout, scheduler)
        .pipe(repeat())
        .subscribe(() => {
          // The join was sent when the connection was opened, at the latest.
          if (!isReported && wire.state.metrics.uptime >= answerTimeout / 2) {
            isReported = true;
            onUnanswered(new ChannelTimeoutError(channel, answerTimeout));
          }
          wire.next(message);
        });
    },
    stop,
  };
}
