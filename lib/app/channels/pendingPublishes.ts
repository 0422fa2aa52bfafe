import { catchError, defer, finalize, map, merge, mergeMap, take, type Observable, type SchedulerLike } from 'rxjs';
import { ChannelRefusedError, RequestTimeoutError, type MessageRefusedError, type RxwireError } from '../../errors.js';
import { after } from '../../internal/after.js';
import type { ChannelAction, ChannelPosition, ChannelPublish } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { createPendingAnswers, type PendingAnswers } from './pendingAnswers.js';

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
  readonly confirm: PendingAnswers<ChannelPosition | undefined>['next'];
  readonly refuse: PendingAnswers<unknown>['fail'];
  readonly end: PendingAnswers<unknown>['end'];
}

export function createPendingPublishes({ channel, wire, answerTimeout, scheduler }: PendingPublishesOptions): PendingPublishes {
  const answers = createPendingAnswers<ChannelPosition | undefined>();

  /**
   * Sends the message, and fails when it is refused, given up, or acked and not answered in time.
   */
  const sent = (publish: Message): Observable<never> =>
    defer(() => wire.send(publish)).pipe(
      catchError((error: RxwireError | MessageRefusedError) => {
        // The receipt may arrive before the answer of the hub.
        throw 'remoteCode' in error ? new ChannelRefusedError(channel, actionOf(publish), error.reason, publish.id) : error;
      }),
      mergeMap(() => after(answerTimeout, scheduler)),
      map(() => {
        throw new RequestTimeoutError(publish.id, answerTimeout);
      }),
    );
  return {
    send: (publish) =>
      defer(() =>
        merge(answers.open(publish.id), sent(publish)).pipe(
          take(1),
          finalize(() => answers.close(publish.id)),
        ),
      ),
    confirm: answers.next,
    refuse: answers.fail,
    end: answers.end,
  };
}

function actionOf({ payload }: Message): ChannelAction {
  return (payload as ChannelPublish<Message>).message.type === 'channel.ended' ? 'end' : 'publish';
}
