import { defer, finalize, from, map, mergeMap, takeWhile, throwError, timeout, type Observable } from 'rxjs';
import { RequestTimeoutError } from '../../errors.js';
import type { ChannelPast } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Received } from './channelPayloads.js';
import { createPendingAnswers, type PendingAnswers } from './pendingAnswers.js';
import type { PendingPublishesOptions } from './pendingPublishes.js';
import type { ChannelStart } from './channelOptions.js';
import { positionOf, positionText } from './positionText.js';

/** A message of the past of a channel. */
export interface PastMessage {
  /**
   * To be stored anywhere. Also the `before` of a request for the messages in front of this one.
   */
  readonly position: string;
  readonly message: Message;
}

export interface HistoryRange {
  /**
   * Messages in front of this position are emitted: {@link Channel.position}, the position of a
   * {@link PastMessage}, or the result of `send`.
   * @default the latest ones
   */
  readonly before?: Exclude<ChannelStart, 'start' | 'live' | { readonly last: number }>;
  /**
   * The maximum number of messages. The server emits 1,000 at most, unless its `maxReplay` says
   * otherwise.
   * @default 100
   */
  readonly limit?: number;
}

/** The requests of one channel for older messages. */
export interface PendingReads {
  /** Requests older messages at subscription. Emits them in order, and completes. */
  readonly read: (range: HistoryRange) => Observable<PastMessage>;
  readonly take: PendingAnswers<Received<ChannelPast<Message>>>['next'];
  readonly refuse: PendingAnswers<unknown>['fail'];
  readonly end: PendingAnswers<unknown>['end'];
}

export function createPendingReads({ channel, wire, answerTimeout, scheduler }: PendingPublishesOptions): PendingReads {
  const answers = createPendingAnswers<Received<ChannelPast<Message>>>();

  return {
    read: ({ before, limit = 100 }) =>
      defer(() => {
        const place = before && positionOf(before);
        const payload = { channel, limit, ...(place && { before: place }) };
        const request = createMessage('channel.history', payload, { delivery: 'at-least-once', scheduler });
        const { id } = request;
        const answer$ = answers.open(id);
        wire.next(request);
        return answer$.pipe(
          timeout({ each: answerTimeout, scheduler, with: () => throwError(() => new RequestTimeoutError(id, answerTimeout)) }),
          takeWhile(({ more }) => more, true),
          mergeMap(({ entries }) => from(entries)),
          map(({ message, ...position }) => ({ position: positionText(position), message })),
          finalize(() => answers.close(id)),
        );
      }),
    take: answers.next,
    refuse: answers.fail,
    end: answers.end,
  };
}
