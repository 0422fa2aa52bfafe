import { catchError, defer, finalize, map, merge, mergeMap, Subject, take, type Observable, type SchedulerLike } from 'rxjs';
import { ChannelRefusedError, RequestTimeoutError, WireClosedError, type MessageRefusedError, type RxwireError } from '../../errors.js';
import { after } from '../../internal/after.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';

export interface PendingPublishesOptions {
  readonly channel: string;
  readonly wire: Wire;
  readonly answerTimeout: number;
  readonly scheduler: SchedulerLike;
}

/** The published messages of one channel that wait for the answer of the hub. */
export interface PendingPublishes {
  /** Sends a `channel.publish`. Emits the position of its message, when the hub has answered. */
  readonly send: (publish: Message) => Observable<ChannelPosition | undefined>;
  readonly confirm: (id: string, position: ChannelPosition | undefined) => void;
  readonly refuse: (id: string, error: ChannelRefusedError) => void;
  /** The wire has ended, with its error if it failed. */
  readonly end: (error?: RxwireError) => void;
}

export function createPendingPublishes({ channel, wire, answerTimeout, scheduler }: PendingPublishesOptions): PendingPublishes {
  const answers = new Map<string, Subject<ChannelPosition | undefined>>();

  /** Sends the message, and fails when it is refused, given up, or acked and not answered in time. */
  const sent = (publish: Message): Observable<never> =>
    defer(() => wire.send(publish)).pipe(
      catchError((error: RxwireError | MessageRefusedError) => {
        // The receipt may arrive before the answer of the hub.
        throw 'remoteCode' in error ? new ChannelRefusedError(channel, 'publish', error.reason, publish.id) : error;
      }),
      mergeMap(() => after(answerTimeout, scheduler)),
      map(() => {
        throw new RequestTimeoutError(publish.id, answerTimeout);
      }),
    );
  return {
    send: (publish) =>
      defer(() => {
        const { id } = publish;
        const answer$ = answers.get(id) ?? new Subject();
        answers.set(id, answer$);
        return merge(answer$, sent(publish)).pipe(
          take(1),
          finalize(() => answer$.observed || answers.delete(id)),
        );
      }),
    confirm: (id, position) => answers.get(id)?.next(position),
    refuse: (id, error) => answers.get(id)?.error(error),
    end(error) {
      for (const [id, answer$] of [...answers]) answer$.error(error ?? new WireClosedError(id));
    },
  };
}
