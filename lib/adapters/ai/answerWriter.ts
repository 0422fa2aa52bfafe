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
import { createMessage } from '../../message/createMessage.js';
import { ChannelEndedError } from '../../message/errors.js';
import type { Message } from '../../message/types.js';
import type { ChannelSubject } from '../../operators/channels/channelSubject.js';
import { publishTo } from '../../operators/sending/publishTo.js';
import { ALIVE, ALIVE_INTERVAL, CHUNKS, joinChunks, PING, SERVER, splitChunks, STOP } from './chatMessages.js';

export interface WriterOptions {
  /** Chunks are collected for this time, in ms. */
  readonly flush: number;
  readonly describe?: ((error: unknown) => string) | undefined;
  readonly onError: (error: unknown) => void;
  readonly scheduler: SchedulerLike;
}

/** After a stop, a handler may still write for this time, in ms. */
const STOP_TIME = 1_000;

/**
 * The chunks of an answer. With TypeScript 5 and the DOM types, a `ReadableStream` is no
 * `ObservableInput`.
 */
export type ChatAnswer = ObservableInput<UIMessageChunk> | ReadableStream<UIMessageChunk>;

interface Answer {
  /** Returns the chunks of a model, until the signal is aborted. */
  readonly call: (signal: AbortSignal) => ChatAnswer | Promise<ChatAnswer>;
  /**
   * The id of its message, unless a chunk has another: pages recognize the message by its id.
   * Undefined if the answer continues a message: a page that resumed it would replace the message.
   */
  readonly messageId: string | undefined;
}

/** Writes an answer into its channel. The subscription ends with the answer. */
export function writeAnswer(room: ChannelSubject, { call, messageId }: Answer, options: WriterOptions): Subscription {
  const { flush, onError, scheduler, describe = () => 'The answer has failed.' } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const stop$ = new Subject<void>();
  let hasEnded = false;
  let hasFailed = false;
  const stop = (): void => {
    if (hasEnded || signal.aborted) return;
    controller.abort();
    stop$.next();
  };
  const stops = room.subscribe({
    next({ type, source }) {
      if (source !== SERVER || hasEnded) return;
      if (type === STOP) stop();
      if (type === PING) room.send(createMessage(ALIVE, null, { source: SERVER })).catch(noop);
    },
    // Another server may end the answer.
    error: stop,
    complete: stop,
  });
  const writing = chunksOf(() => call(signal))
    .pipe(
      map((chunk) => (chunk.type === 'start' && messageId !== undefined ? { ...chunk, messageId: chunk.messageId ?? messageId } : chunk)),
      takeUntil(stop$.pipe(mergeMap(() => timer(STOP_TIME, scheduler)))),
      catchError((error: unknown) => {
        if (signal.aborted) return EMPTY;
        hasFailed = true;
        onError(error);
        return throwError(() => new Error(describe(error)));
      }),
      tap({ error: () => (hasEnded = true), complete: () => (hasEnded = true) }),
      written(flush, scheduler),
      publishTo(room),
    )
    .subscribe({
      error(error: unknown) {
        stop();
        if (hasFailed || error instanceof ChannelEndedError) return;
        // The log has failed. It may take the end.
        onError(error);
        room.end(describe(error)).catch(noop);
      },
    });
  writing.add(stops);
  return writing;
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
function written(flush: number, scheduler: SchedulerLike) {
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
        mergeMap((chunks) => splitChunks(joinChunks(chunks))),
        map((chunks) => createMessage(CHUNKS, chunks, { source: SERVER })),
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

/** A late reader receives one long message in place of many short ones. */
export function compactChunks(messages: readonly Message[]): Message {
  const chunks = messages.flatMap(({ type, source, payload }) =>
    type === CHUNKS && source === SERVER ? (payload as readonly UIMessageChunk[]) : [],
  );
  return createMessage(CHUNKS, joinChunks(chunks), { source: SERVER });
}
