import type { UIMessageChunk } from 'ai';
import {
  bufferTime,
  catchError,
  concat,
  defer,
  EMPTY,
  from,
  interval,
  map,
  merge,
  mergeMap,
  noop,
  Subject,
  takeUntil,
  tap,
  throwError,
  timer,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
  type Subscription,
} from 'rxjs';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import { ChannelEndedError } from '../../message/errors.js';
import type { Message } from '../../message/types.js';
import type { ChannelSubject } from '../../operators/channels/channelSubject.js';
import { publishTo } from '../../operators/sending/publishTo.js';
import { ChunkError, type ChunkLimits, joinChunks, payloadsOf, sendErrorOf } from './answerChunks.js';
import type { ChatAnswer } from './chatHandler.js';
import { ALIVE, ALIVE_INTERVAL, CHUNKS, PING, SERVER, STOP } from './chatMessages.js';

export interface WriterOptions {
  /** Chunks are collected for this time, in ms. */
  readonly flush: number;
  /** The maximum size of a chunk, in bytes of JSON text. */
  readonly maxChunk: number;
  /** Returns the text of an error, for readers. Must not throw. */
  readonly describe: (error: unknown) => string;
  /** Must not throw. */
  readonly onError: (error: unknown) => void;
  readonly scheduler: SchedulerLike;
}

/** After a stop, a handler may still write for this time, in ms. */
const STOP_TIME = 1_000;

interface Answer {
  /** Returns the chunks of a model, until the signal is aborted. */
  readonly call: (signal: AbortSignal) => ChatAnswer | Promise<ChatAnswer>;
  /**
   * The id of its message, unless a chunk has another: pages recognize the message by its id.
   * Undefined if the answer continues a message: a page that resumed it would replace the message.
   */
  readonly messageId: string | undefined;
  /** Whether JSON must carry each chunk. Otherwise, the channel refuses what a codec cannot. */
  readonly mustBeJson: boolean;
}

/**
 * Writes an answer into its channel. The subscription ends with the answer. An answer whose handler
 * or log fails, or with a chunk that cannot be sent, ends with an error, which is reported once.
 */
export function writeAnswer(room: ChannelSubject, { call, messageId, mustBeJson }: Answer, options: WriterOptions): Subscription {
  const { flush, maxChunk, describe, onError, scheduler } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const stop$ = new Subject<void>();
  let hasEnded = false;
  /** The error of the answer, for its readers. */
  let reason: string | undefined;
  const fail = (error: unknown): string => {
    onError(error);
    return describe(error);
  };
  const stop = (): void => {
    if (hasEnded || signal.aborted) return;
    controller.abort();
    stop$.next();
  };
  const stops = room.subscribe({
    next({ type, source }) {
      if (source !== SERVER) return;
      if (type === STOP) stop();
      if (type === PING) room.send(createMessage(ALIVE, null, { source: SERVER })).catch(noop);
    },
    // Another server may end the answer.
    error: stop,
    complete: stop,
  });
  const target = watchEnd(room);
  const writing = chunksOf(() => call(signal))
    .pipe(
      map((chunk) => (chunk.type === 'start' && messageId !== undefined ? { ...chunk, messageId: chunk.messageId ?? messageId } : chunk)),
      takeUntil(stop$.pipe(mergeMap(() => timer(STOP_TIME, scheduler)))),
      written(flush, { maxChunk, mustBeJson }, scheduler),
      // The channel may still refuse a chunk in front of the error.
      catchError((error: unknown) =>
        from(target.sent()).pipe(
          mergeMap(() => {
            if (signal.aborted) return EMPTY;
            reason = fail(error);
            // The handler of a chunk that cannot be sent goes on, unless it is stopped.
            if (error instanceof ChunkError) stop();
            return throwError(() => new Error(reason));
          }),
        ),
      ),
      tap({ error: () => (hasEnded = true), complete: () => (hasEnded = true) }),
      publishTo(target.channel),
    )
    .subscribe({
      error(error: unknown) {
        stop();
        if (error instanceof ChannelEndedError) return;
        // The log has failed, or has refused a message: maybe the end.
        const { end } = target;
        if (reason === undefined) {
          const text = fail(error);
          if (!end) reason = text;
        }
        if (!end?.isStored) room.end(end ? end.reason : reason).catch(noop);
      },
    });
  writing.add(stops);
  return writing;
}

interface AnswerEnd {
  /** The error of the answer; undefined if it is complete. */
  readonly reason: string | undefined;
  /** Whether the log has the end. */
  readonly isStored: boolean;
}

/**
 * Returns a channel for {@link publishTo}, and how that has ended the channel. Nothing follows a
 * message that the channel has refused: each message is sent a microtask after the one before.
 * `sent` waits until the channel has taken or refused all messages.
 */
function watchEnd(room: ChannelSubject) {
  let turn = Promise.resolve();
  let failure: { readonly error: Error } | undefined;
  let last: Promise<unknown> = turn;
  const watch: { end: AnswerEnd | undefined; readonly channel: ChannelSubject; readonly sent: () => Promise<unknown> } = {
    end: undefined,
    sent: () => last.catch(noop),
    // publishTo calls these two methods only.
    channel: {
      send(message: Message) {
        const sending = new Promise<ChannelPosition | undefined>((resolve, reject) => {
          const failed = (error: Error): void => {
            failure ??= { error: sendErrorOf(error, message) };
            reject(failure.error);
          };
          turn = turn.then(() => {
            if (failure) failed(failure.error);
            else room.send(message).then(resolve, failed);
          });
        });
        last = sending;
        return sending;
      },
      async end(reason?: string) {
        watch.end = { reason, isStored: false };
        await room.end(reason);
        watch.end = { reason, isStored: true };
      },
    } as Pick<ChannelSubject, 'send' | 'end'> as ChannelSubject,
  };
  return watch;
}

/** Calls a handler, and emits its chunks. A handler that fails, fails the stream. */
function chunksOf(call: () => ReturnType<Answer['call']>): Observable<UIMessageChunk> {
  const emit = (answer: ChatAnswer): Observable<UIMessageChunk> => from(answer as ObservableInput<UIMessageChunk>);
  return defer(() => {
    const result = call();
    return result instanceof Promise ? from(result).pipe(mergeMap(emit)) : emit(result);
  });
}

/** The messages of an answer: its chunks, collected, and signs of life between them. */
function written(flush: number, limits: ChunkLimits, scheduler: SchedulerLike) {
  return (chunks$: Observable<UIMessageChunk>): Observable<Message> =>
    defer(() => {
      const done$ = new Subject<void>();
      let failure: { readonly error: unknown } | undefined;
      // `bufferTime` would drop the chunks before an error.
      const said$ = chunks$.pipe(
        catchError((error: unknown) => {
          failure = { error };
          return EMPTY;
        }),
        bufferTime(flush, null, Infinity, scheduler),
        mergeMap((chunks) => payloadsOf(joinChunks(chunks), limits)),
        map((payload) => createMessage(CHUNKS, payload, { source: SERVER })),
      );
      const end$ = defer(() => {
        done$.next();
        return failure ? throwError(() => failure?.error) : EMPTY;
      });
      const alive$ = interval(ALIVE_INTERVAL, scheduler).pipe(map(() => createMessage(ALIVE, null, { source: SERVER })));
      // In this order: the chunks of an array are over at once.
      return merge(alive$.pipe(takeUntil(done$)), concat(said$, end$));
    });
}
