import { isObservable, noop, Subject, takeUntil, type Observable } from 'rxjs';
import { OverflowError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { isPromise } from '../../message/maybeAsync.js';
import { createRing } from '../buffers/ring.js';
import type { Message } from '../../message/types.js';
import type { MessageSource, ReadableStreamOf } from './sendOptions.js';

/** Takes the messages of a source. Its functions do not throw. */
export interface MessageSink {
  hasRoom(): boolean;
  next(message: Message): void;
  /** Ends the messages. The error is delivered when all messages have their outcomes. */
  end(failure?: { readonly error?: unknown }): void;
  /** Ends the messages with an error that is delivered at once. */
  fail(error: unknown): void;
}

export interface Pull {
  pull(): void;
  release(): void;
}

export type StartPull = (sink: MessageSink) => Pull;

/** Returns a function that starts to read a source. @throws {TypeError} If it is none. */
export function pullFrom(source: MessageSource, maxBuffered: number): StartPull {
  const { getReader, [Symbol.asyncIterator]: iterateAsync, [Symbol.iterator]: iterate } = Object(source) as Partial<Source>;
  if (getReader) return (sink) => pullIterator(() => readerOf(source as ReadableStreamOf<Message>), sink);
  // Before Observables: an object that is both, as of `fromReadable`, can wait.
  if (iterateAsync) return (sink) => pullIterator(() => (source as AsyncIterable<Message>)[Symbol.asyncIterator](), sink);
  if (isObservable(source)) return (sink) => pullObservable(source, maxBuffered, sink);
  if (iterate && typeof source !== 'string') return (sink) => pullIterator(() => (source as Iterable<Message>)[Symbol.iterator](), sink);
  throw new TypeError(
    `sendAll: "source" must be an Observable, an iterable, an async iterable or a ReadableStream of messages, got ${typeof source}`,
  );
}

type Source = Iterable<Message> & AsyncIterable<Message> & ReadableStreamOf<Message>;

interface ReadResult {
  readonly done?: boolean | undefined;
  readonly value?: unknown;
}

/** An iterator, an async iterator, or the reader of a stream. */
interface SourceIterator {
  next(): ReadResult | PromiseLike<ReadResult>;
  return?(): unknown;
  /** Called when the source has ended by itself. */
  done?(): void;
}

function pullIterator(open: () => SourceIterator, sink: MessageSink): Pull {
  let iterator: SourceIterator | undefined;
  /** Whether a message is being read, now or later. */
  let isReading = false;
  let isInNext = false;
  let isOver = false;

  const end = (failure?: { readonly error?: unknown }): void => {
    if (isOver) return;
    isOver = true;
    iterator?.done?.();
    sink.end(failure);
  };
  const fail = (error: unknown): void => end({ error });
  // The stream has ended, so an error of the source has no receiver.
  const close = (): void => void callSafely(() => iterator?.return?.(), noop);
  const take = ({ done, value }: ReadResult): void => {
    if (isOver) return;
    if (done) end();
    else sink.next(value as Message);
  };
  const onLater = (result: ReadResult): void => {
    isReading = false;
    take(result);
    pull();
  };
  const pull = (): void => {
    // A message may be given up while it is sent, which makes room.
    if (isReading) return;
    isReading = true;
    try {
      while (!isOver && sink.hasRoom()) {
        iterator ??= open();
        isInNext = true;
        const result = iterator.next();
        isInNext = false;
        // The iterator has stopped the stream by itself.
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `release` changes it
        if (isOver) close();
        if (isPromise(result)) {
          void Promise.resolve(result).then(onLater).catch(fail);
          return;
        }
        take(result);
      }
    } catch (error) {
      fail(error);
    }
    isReading = false;
  };
  return {
    pull,
    release() {
      if (isOver) return;
      isOver = true;
      if (!isInNext) close();
    },
  };
}

function readerOf(stream: ReadableStreamOf<Message>): SourceIterator {
  const reader = stream.getReader();
  return {
    next: () => reader.read(),
    return: () => reader.cancel().finally(() => reader.releaseLock()),
    done: () => reader.releaseLock(),
  };
}

/** An Observable cannot wait: its messages are buffered while there is no room. */
function pullObservable(source: Observable<Message>, maxBuffered: number, sink: MessageSink): Pull {
  const buffer = createRing<Message>();
  const released$ = new Subject<void>();
  let ended: { readonly error?: unknown } | undefined;
  let isSubscribed = false;
  let isFlushing = false;

  const flush = (): void => {
    if (isFlushing) return;
    isFlushing = true;
    while (buffer.size > 0 && sink.hasRoom()) sink.next(buffer.shift() as Message);
    isFlushing = false;
    if (ended && buffer.size === 0) sink.end(ended);
  };
  const onEnd = (end: { readonly error?: unknown }): void => {
    ended = end;
    flush();
  };
  const onNext = (message: Message): void => {
    if (buffer.size === 0 && !isFlushing && sink.hasRoom()) sink.next(message);
    else if (buffer.size < maxBuffered) buffer.push(message);
    else sink.fail(new OverflowError('messages that wait to be sent', maxBuffered));
  };
  return {
    pull() {
      flush();
      if (isSubscribed || !sink.hasRoom()) return;
      isSubscribed = true;
      source.pipe(takeUntil(released$)).subscribe({ next: onNext, error: (error: unknown) => onEnd({ error }), complete: () => onEnd({}) });
    },
    release: () => released$.next(),
  };
}
