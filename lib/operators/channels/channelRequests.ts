import {
  catchError,
  defer,
  EMPTY,
  finalize,
  from,
  map,
  merge,
  mergeMap,
  of,
  Subject,
  take,
  takeWhile,
  tap,
  throwError,
  timeout,
} from 'rxjs';
import type { Observable, SchedulerLike } from 'rxjs';
import {
  ChannelRefusedError,
  ChannelTimeoutError,
  WireClosedError,
  type MessageRefusedError,
  type RxwireError,
} from '../../message/errors.js';
import { longTimer } from '../timing/longTimer.js';
import type { ChannelPast, ChannelPosition, ChannelPublish } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { HistoryRange, PastMessage } from './channelOptions.js';
import type { Received } from '../../channels/channelPayloads.js';
import { positionOf, positionText } from '../../channels/channelPosition.js';
import { undeliverable, type ChannelGap } from '../../channels/channelState.js';
import type { OwnMessages } from '../../channels/ownMessages.js';

interface Answers {
  readonly 'channel.published': ChannelPosition | undefined;
  readonly 'channel.past': Received<ChannelPast<Message>>;
}

/** The requests of one channel that wait for answers of the hub. */
export class ChannelRequests {
  /** By the type of the answer and the id of the request. */
  readonly #answers = new Map<string, Subject<unknown>>();

  constructor(
    readonly channel: string,
    readonly wire: Wire,
    readonly answerTimeout: number,
    readonly scheduler: SchedulerLike,
    readonly sent: OwnMessages,
  ) {}

  /** Sends a `channel.publish`. Emits its position when the hub has answered, or fails. */
  send(publish: Message): Observable<ChannelPosition | undefined> {
    const { channel, wire, answerTimeout, scheduler, sent } = this;
    const { message } = publish.payload as ChannelPublish<Message>;
    const action = message.type === 'channel.ended' ? 'end' : 'publish';
    const sent$ = defer(() => wire.send(publish)).pipe(
      catchError((error: RxwireError | MessageRefusedError) => {
        // The receipt may arrive before the answer of the hub.
        throw 'remoteCode' in error ? new ChannelRefusedError(channel, action, error.reason, publish.id) : error;
      }),
      mergeMap(() => longTimer(answerTimeout, scheduler)),
      map(() => {
        throw new ChannelTimeoutError(channel, answerTimeout);
      }),
    );
    sent.add(publish);
    // The wire may be completed at once.
    wire.session?.awaitAnswer?.(1);
    return this.#answersTo('channel.published', publish.id, sent$).pipe(
      take(1),
      tap(() => sent.forget(publish.id)),
      finalize(() => wire.session?.awaitAnswer?.(-1)),
    );
  }

  /**
   * Requests older messages at subscription. Emits them in order, and completes.
   *
   * @param gaps$ Receives the messages that the server cannot send.
   */
  history({ before, limit = 100 }: HistoryRange, gaps$: Pick<Subject<ChannelGap>, 'next'>): Observable<PastMessage> {
    const { channel, wire, answerTimeout, scheduler } = this;
    return defer(() => {
      const place = before && positionOf(before);
      const payload = { channel, limit, ...(place && { before: place }) };
      const request = createMessage('channel.history', payload, { delivery: 'at-least-once', scheduler });
      const { id } = request;
      const sent$ = defer(() => {
        wire.next(request);
        return EMPTY;
      });
      return this.#answersTo('channel.past', id, sent$).pipe(
        timeout({ each: answerTimeout, scheduler, with: () => throwError(() => new ChannelTimeoutError(channel, answerTimeout)) }),
        takeWhile(({ more }) => more, true),
        mergeMap(({ entries }) => from(entries)),
        mergeMap(({ message, epoch, offset }) => {
          if (message) return of({ position: positionText({ epoch, offset }), message });
          gaps$.next(undeliverable({ epoch, offset: offset - 1 }, offset + 1));
          return EMPTY;
        }),
      );
    });
  }

  answer<T extends keyof Answers>(type: T, id: string, answer: Answers[T]): void {
    this.#answers.get(`${type} ${id}`)?.next(answer);
  }

  /** Fails a request, if there is one. */
  fail(type: keyof Answers, id: string, error: Error): boolean {
    const answer$ = this.#answers.get(`${type} ${id}`);
    answer$?.error(error);
    return answer$ !== undefined;
  }

  failHistories(error: RxwireError): void {
    for (const [key, answer$] of [...this.#answers]) if (key.startsWith('channel.past ')) answer$.error(error);
  }

  end(error?: RxwireError): void {
    for (const [key, answer$] of [...this.#answers]) answer$.error(error ?? new WireClosedError(key.slice(key.indexOf(' ') + 1)));
  }

  /** Sends a request at subscription, and emits its answers. */
  #answersTo<T extends keyof Answers>(type: T, id: string, sent$: Observable<never>): Observable<Answers[T]> {
    return defer(() => {
      const key = `${type} ${id}`;
      const answer$ = (this.#answers.get(key) ?? new Subject()) as Subject<Answers[T]>;
      this.#answers.set(key, answer$ as Subject<unknown>);
      return merge(answer$, sent$).pipe(finalize(() => answer$.observed || this.#answers.delete(key)));
    });
  }
}
