import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { nanoid } from 'nanoid';
import { firstValueFrom, fromEvent, map, NEVER, noop, retry, Subscription, takeUntil, throwError, timer } from 'rxjs';
import type { Observable, SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { followChannel } from '../../operators/channels/channel.js';
import { CHANNEL_OPTIONS, type ChannelOptions } from '../../operators/channels/channelOptions.js';
import { FollowerGap } from '../../operators/channels/channelReaders.js';
import { request } from '../../operators/requests/request.js';
import { ChannelEndedError, RxwireError } from '../../message/errors.js';
import { textOf } from '../../message/errors/rxwireError.js';
import { readOptions } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { createChunkReader } from './chunkReader.js';
import {
  CHUNKS,
  MAX_CHUNK,
  MAX_SILENCE,
  prefixOf,
  RESUME,
  SEND,
  SERVER,
  STOP,
  type AnswerPayload,
  type LatestAnswer,
  type SendPayload,
} from './chatMessages.js';

/** The part of a chat transport that version 6 of `ai` has, too. */
export type RxwireChatTransport<M extends UIMessage = UIMessage> = Pick<ChatTransport<M>, 'sendMessages' | 'reconnectToStream'> & {
  /** A stream that is resumed begins with the first chunk of the answer. */
  readonly resumeStreamIsReplay: true;
};

export interface ChatTransportOptions<M extends UIMessage = UIMessage> {
  /** Selects the messages that are sent with a question. @default all messages */
  readonly select?: (messages: readonly M[]) => readonly M[];
  /**
   * Returns whether the page has the message of this id. With this option, the page resumes the
   * latest answer of a chat also if it has ended, unless the page has its message: an answer may
   * end while the page is loaded again. An answer that continues a message, with the result of a
   * tool, is resumed only while it runs.
   * @default an answer that has ended is not resumed
   */
  readonly hasMessage?: (messageId: string, chatId: string) => boolean;
  /**
   * The maximum length of the JSON text of a chunk, which may arrive in parts. An answer with a
   * longer one ends with an error. Not less than `maxChunk` of {@link serveChat}.
   * @default 8_388_608: 8 Mi characters
   */
  readonly maxChunk?: number;
  /** The maximum time until the server has taken a question, in ms. @default 30_000 */
  readonly timeout?: number;
  /** The scheduler for timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * Returns a transport for `useChat` of the AI SDK, in React, Vue, Svelte or Angular. The server
 * answers with {@link serveChat}. An answer continues after a lost connection, a reload, in another
 * tab and on another device: use `resume: true`. Stopping it there stops the model.
 *
 * Needs the package `ai`, version 6 or 7.
 *
 * @throws {RangeError} At call time, if `maxChunk` is not positive.
 * @throws {TypeError} Rejects, if the id of the chat has a character that a channel cannot have.
 * @throws {RxwireError} Rejects with the error of the request, if the server does not take the
 *   question, or refuses it. A failure of the answer is a chunk of the type `error`.
 * @example
 * import { connect, webSocket } from 'rxwire';
 * import { chatTransport } from 'rxwire/ai';
 *
 * const wire = connect({ link: webSocket('wss://example.com/wire'), delivery: 'exactly-once' });
 * const transport = chatTransport(wire); // useChat({ id, transport, resume: true })
 */
export function chatTransport<M extends UIMessage = UIMessage>(wire: Wire, options: ChatTransportOptions<M> = {}): RxwireChatTransport<M> {
  checkOptions('chatTransport', options);
  const { select = (messages: readonly M[]) => messages, hasMessage, timeout = 30_000, scheduler = steadyScheduler() } = options;
  const { maxChunk = MAX_CHUNK } = options;
  assertPositive('chatTransport', { maxChunk });
  const ask = <T>(type: string, payload: SendPayload | AnswerPayload, signal?: AbortSignal): Promise<T> => {
    const answer$ = request(wire, createMessage(type, payload), { timeout, scheduler }) as Observable<T>;
    return firstValueFrom(answer$.pipe(askAgain(scheduler), takeUntil(abortOf(signal))));
  };

  const read = (chatId: string, answerId: string, signal: AbortSignal | undefined): ReadableStream<UIMessageChunk> => {
    const name = prefixOf('chatTransport', chatId) + answerId;
    return streamOf({
      answer$: followChannel(wire, name, READER, 'start'),
      maxChunk,
      isOpen: async () => (await ask(RESUME, { chatId })) === answerId,
      stop: () => stopChat(wire, chatId, answerId),
      // A channel completes with its wire, too.
      reasonOfEnd: () => (wire.state.isFinal ? textOf((wire.state.error ?? new Error('the connection was closed')) as Error) : undefined),
      signal,
      scheduler,
    });
  };

  return {
    resumeStreamIsReplay: true,
    async sendMessages({ chatId, trigger, messageId, messages, abortSignal, body, metadata }) {
      prefixOf('chatTransport', chatId);
      const answerId = nanoid();
      const payload = { chatId, answerId, trigger, messageId, messages: select(messages), body, metadata };
      abortSignal?.throwIfAborted();
      // The server may have the question already, or receive it later.
      const stop = (): void => stopChat(wire, chatId, answerId);
      abortSignal?.addEventListener('abort', stop);
      await ask(SEND, payload, abortSignal).finally(() => abortSignal?.removeEventListener('abort', stop));
      return read(chatId, answerId, abortSignal);
    },
    async reconnectToStream({ chatId, abortSignal }: { readonly chatId: string; readonly abortSignal?: AbortSignal }) {
      prefixOf('chatTransport', chatId);
      const latest = await ask<LatestAnswer>(RESUME, { chatId, ended: hasMessage !== undefined }, abortSignal);
      if (latest === null) return null;
      if (typeof latest === 'string') return read(chatId, latest, abortSignal);
      return unlessKnown(read(chatId, latest.ended, abortSignal), (messageId) => hasMessage?.(messageId, chatId) === true);
    },
  };
}

/**
 * Stops the answer of a chat, also one that another page has asked for. All readers keep what has
 * arrived. `stop` of `useChat` does this by itself, for an answer that it has requested; with
 * version 6 of `ai`, an answer that it has resumed needs this function.
 *
 * @param answerId The answer. @default the latest one
 * @example
 * import { connect, webSocket } from 'rxwire';
 * import { stopChat } from 'rxwire/ai';
 *
 * const wire = connect({ link: webSocket('wss://example.com/wire') });
 * const onStop = () => stopChat(wire, 'chat-1');
 */
export function stopChat(wire: Wire, chatId: string, answerId?: string): void {
  wire.next(createMessage(STOP, { chatId, answerId } satisfies AnswerPayload));
}

/** Returns a stream again; null if the page has its message, or if it has none. */
async function unlessKnown(
  stream: ReadableStream<UIMessageChunk>,
  isKnown: (messageId: string) => boolean,
): Promise<ReadableStream<UIMessageChunk> | null> {
  const [begin, whole] = stream.tee();
  const reader = begin.getReader();
  let isNeeded = false;
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      if (chunk.value.type !== 'start') continue;
      isNeeded = chunk.value.messageId !== undefined && !isKnown(chunk.value.messageId);
      break;
    }
  } finally {
    // The cancellation of one part is over when both are cancelled.
    reader.cancel().catch(noop);
    if (!isNeeded) whole.cancel().catch(noop);
  }
  return isNeeded ? whole : null;
}

/** A reader of an answer has a position of its own: a page may read an answer twice. */
const READER = readOptions<ChannelOptions, typeof CHANNEL_OPTIONS>('chatTransport', {}, CHANNEL_OPTIONS);

/** Asks again when a server has lost the session: it names the same answer. */
const askAgain = <T>(scheduler: SchedulerLike) =>
  retry<T>({
    count: 5,
    delay: (error: unknown, count: number) =>
      error instanceof RxwireError && error.code === 'ERR_SESSION_LOST' ? timer(100 * 2 ** count, scheduler) : throwError(() => error),
  });

/** Fails with the reason of a signal when it is aborted. */
function abortOf(signal: AbortSignal | undefined): Observable<never> {
  if (!signal) return NEVER;
  return fromEvent(signal, 'abort').pipe(
    map(() => {
      throw signal.reason;
    }),
  );
}

interface AnswerParts extends Required<Pick<ChatTransportOptions, 'maxChunk'>> {
  /** Emits the messages in the channel of the answer, and `undefined` when it was joined. */
  readonly answer$: Observable<Message | undefined>;
  /** Asks the server whether the answer goes on: it then ends one whose writer is gone. */
  readonly isOpen: () => Promise<boolean>;
  readonly stop: () => void;
  /** Returns why an answer that is over is not complete; undefined if it is. */
  readonly reasonOfEnd: () => string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly scheduler: SchedulerLike;
}

/** Returns the chunks of an answer. An answer that fails ends with a chunk of the type `error`. */
function streamOf({ answer$, maxChunk, isOpen, stop, reasonOfEnd, signal, scheduler }: AnswerParts): ReadableStream<UIMessageChunk> {
  const reading = new Subscription();
  const read = createChunkReader(maxChunk);
  return new ReadableStream<UIMessageChunk>({
    start(controller) {
      let silence = Subscription.EMPTY;
      let silences = 0;
      const close = (errorText?: string): void => {
        if (reading.closed) return;
        reading.unsubscribe();
        if (errorText !== undefined) controller.enqueue({ type: 'error', errorText });
        controller.close();
      };
      const listen = (): void => {
        silence.unsubscribe();
        silence = scheduler.schedule(() => {
          listen();
          // The end of an answer that has just ended is on its way.
          isOpen().then((isStillOpen) => !isStillOpen && ++silences > 1 && close(LOST), noop);
        }, MAX_SILENCE);
      };
      const onAbort = (): void => {
        stop();
        // Without a connection, the end does not arrive.
        reading.add(scheduler.schedule(() => close(), MAX_STOP));
      };
      reading.add(() => silence.unsubscribe());
      reading.add(() => signal?.removeEventListener('abort', onAbort));
      listen();
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort);
      const subscription = answer$.subscribe({
        next(message) {
          if (reading.closed || message?.source !== SERVER) return;
          silences = 0;
          listen();
          if (message.type !== CHUNKS) return;
          try {
            for (const chunk of read(message.payload)) controller.enqueue(chunk);
          } catch (error) {
            close((error as Error).message);
          }
        },
        error: (error: Error) => close(error instanceof FollowerGap ? LOST : reasonOf(error)),
        complete: () => close(reasonOfEnd()),
      });
      reading.add(subscription);
    },
    cancel: () => reading.unsubscribe(),
  });
}

/** Returns the text that the server has written for readers, if there is one. */
const reasonOf = (error: Error): string => (error instanceof ChannelEndedError && error.reason) || textOf(error);

/** How long a reader waits for the end of an answer that it has stopped, in ms. */
const MAX_STOP = 2_000;
const LOST = 'a part of the answer is lost';
