import {
  catchError,
  defer,
  EMPTY,
  finalize,
  from,
  map,
  merge,
  mergeMap,
  Subject,
  take,
  takeWhile,
  throwError,
  timeout,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { ChannelRefusedError, RequestTimeoutError, WireClosedError, type MessageRefusedError, type RxwireError } from '../../errors.js';
import { after } from '../../internal/after.js';
import type { ChannelAction, ChannelPast, ChannelPosition, ChannelPublish } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelStart } from './channelOptions.js';
import type { Received } from './channelPayloads.js';
import { positionOf, positionText } from './channelPosition.js';

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

/** The requests of one channel that wait for answers of the hub. */
export class ChannelRequests {
  /** By the id of the request. */
  readonly publishes = new PendingAnswers<ChannelPosition | undefined>();
  readonly reads = new PendingAnswers<Received<ChannelPast<Message>>>();

  constructor(
    readonly channel: string,
    readonly wire: Wire,
    readonly answerTimeout: number,
    readonly scheduler: SchedulerLike,
  ) {}

  /**
   * Sends a `channel.publish`. Emits the position of its message, when the hub has answered. Fails
   * when the message is refused, given up, or acked and not answered in time.
   */
  send(publish: Message): Observable<ChannelPosition | undefined> {
    const { channel, wire, answerTimeout, scheduler } = this;
    const sent$ = defer(() => wire.send(publish)).pipe(
      catchError((error: RxwireError | MessageRefusedError) => {
        // The receipt may arrive before the answer of the hub.
        throw 'remoteCode' in error ? new ChannelRefusedError(channel, actionOf(publish), error.reason, publish.id) : error;
      }),
      mergeMap(() => after(answerTimeout, scheduler)),
      map(() => {
        throw new RequestTimeoutError(publish.id, answerTimeout);
      }),
    );
    return this.publishes.to(publish.id, sent$).pipe(take(1));
  }

  /** Requests older messages at subscription. Emits them in order, and completes. */
  history({ before, limit = 100 }: HistoryRange): Observable<PastMessage> {
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
      return this.reads.to(id, sent$).pipe(
        timeout({ each: answerTimeout, scheduler, with: () => throwError(() => new RequestTimeoutError(id, answerTimeout)) }),
        takeWhile(({ more }) => more, true),
        mergeMap(({ entries }) => from(entries)),
        map(({ message, ...position }) => ({ position: positionText(position), message })),
      );
    });
  }

  /** The wire has ended, with its error if it failed. */
  end(error?: RxwireError): void {
    this.publishes.end(error);
    this.reads.end(error);
  }
}

/** The requests of one kind that wait, by their ids. */
class PendingAnswers<T> {
  readonly #answers = new Map<string, Subject<T>>();

  /** Sends a request at subscription, and emits its answers. */
  to(id: string, sent$: Observable<never>): Observable<T> {
    return defer(() => {
      const answer$ = this.#answers.get(id) ?? new Subject<T>();
      this.#answers.set(id, answer$);
      return merge(answer$, sent$).pipe(finalize(() => answer$.observed || this.#answers.delete(id)));
    });
  }

  next(id: string, answer: T): void {
    this.#answers.get(id)?.next(answer);
  }

  /** Fails a request. Returns whether there is one. */
  fail(id: string, error: Error): boolean {
    const answer$ = this.#answers.get(id);
    answer$?.error(error);
    return answer$ !== undefined;
  }

  end(error?: RxwireError): void {
    for (const [id, answer$] of [...this.#answers]) answer$.error(error ?? new WireClosedError(id));
  }
}

function actionOf({ payload }: Message): ChannelAction {
  return (payload as ChannelPublish<Message>).message.type === 'channel.ended' ? 'end' : 'publish';
}
