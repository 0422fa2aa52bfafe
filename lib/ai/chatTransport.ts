import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { nanoid } from 'nanoid';
import { firstValueFrom, retry, throwError, timer, type Observable, type SchedulerLike } from 'rxjs';
import { channel } from '../app/channels/channel.js';
import { request } from '../app/requests/request.js';
import { RxwireError } from '../errors.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { createMessage } from '../message/createMessage.js';
import type { Message } from '../message/types.js';
import type { Wire } from '../wire/wire.js';
import { CHUNKS, MAX_SILENCE, prefixOf, RESUME, SEND, SERVER, STOP, type AnswerPayload, type SendPayload } from './chatMessages.js';

/** The part of a chat transport that version 6 of `ai` has, too. */
export type RxwireChatTransport<M extends UIMessage = UIMessage> = Pick<ChatTransport<M>, 'sendMessages' | 'reconnectToStream'> & {
  /** A stream that is resumed begins with the first chunk of the answer. */
  readonly resumeStreamIsReplay: true;
};

export interface ChatTransportOptions<M extends UIMessage = UIMessage> {
  /**
   * Selects the messages that are sent with a question.
   * @default all: the server need not store the chat
   */
  readonly select?: (messages: readonly M[]) => readonly M[];
  /** The maximum time until the server has taken a question, in ms. @default 30_000 */
  readonly timeout?: number;
  /** The scheduler for timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * Returns a transport for `useChat` of the AI SDK, in React, Vue, Svelte or Angular. The server
 * answers with {@link serveChat}. An answer continues after a lost connection, a reload, in another
 * tab and on another device: use `resume: true`. Stopping it there stops the model. A page that is
 * closed stops nothing.
 *
 * Needs the package `ai`, version 6 or 7.
 *
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
  const { select = (messages: readonly M[]) => messages, timeout = 30_000, scheduler = steadyScheduler() } = options;
  const ask = <T>(type: string, payload: SendPayload | AnswerPayload): Promise<T> =>
    firstValueFrom((request(wire, createMessage(type, payload), { timeout, scheduler }) as Observable<T>).pipe(askAgain(scheduler)));

  const read = (chatId: string, answerId: string, signal: AbortSignal | undefined): ReadableStream<UIMessageChunk> => {
    const isOpen = (): Promise<unknown> => ask<unknown>(RESUME, { chatId });
    const stop = (): void => stopChat(wire, chatId, answerId);
    return streamOf(answerOf(wire, prefixOf('chatTransport', chatId) + answerId), isOpen, stop, signal, scheduler);
  };

  return {
    resumeStreamIsReplay: true,
    async sendMessages({ chatId, trigger, messageId, messages, abortSignal, body, metadata }) {
      prefixOf('chatTransport', chatId);
      const answerId = nanoid();
      const payload = { chatId, answerId, trigger, messageId, messages: select(messages), body, metadata };
      abortSignal?.throwIfAborted();
      await ask(SEND, payload);
      return read(chatId, answerId, abortSignal);
    },
    async reconnectToStream({ chatId, abortSignal }: { readonly chatId: string; readonly abortSignal?: AbortSignal }) {
      prefixOf('chatTransport', chatId);
      const answerId = await ask<string | null>(RESUME, { chatId });
      return answerId === null ? null : read(chatId, answerId, abortSignal);
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

/** Asks again when a server has lost the session: it names the same answer. */
const askAgain = <T>(scheduler: SchedulerLike) =>
  retry<T>({
    count: 5,
    delay: (error: unknown, count: number) =>
      error instanceof RxwireError && error.code === 'ERR_SESSION_LOST' ? timer(100 * 2 ** count, scheduler) : throwError(() => error),
  });

/** Emits the messages of the server in the channel of an answer. */
function answerOf(wire: Wire, name: string): Observable<Message> {
  return channel(wire, name, { from: 'start' });
}

/**
 * Returns the chunks of an answer. An answer that fails ends with a chunk of the type `error`.
 *
 * @param isOpen Asks the server whether the answer goes on: it then ends one whose writer is gone.
 */
function streamOf(
  answer$: Observable<Message>,
  isOpen: () => Promise<unknown>,
  stop: () => void,
  signal: AbortSignal | undefined,
  scheduler: SchedulerLike,
): ReadableStream<UIMessageChunk> {
  let release = (): void => undefined;
  return new ReadableStream<UIMessageChunk>({
    start(controller) {
      let silence = scheduler.schedule(() => undefined);
      const listen = (): void => {
        silence.unsubscribe();
        silence = scheduler.schedule(() => {
          isOpen().catch(() => undefined);
          listen();
        }, MAX_SILENCE);
      };
      const close = (): void => {
        release();
        controller.close();
      };
      if (signal?.aborted) stop();
      else signal?.addEventListener('abort', stop);
      const subscription = answer$.subscribe({
        next({ type, source, payload }) {
          if (source !== SERVER) return;
          listen();
          if (type === CHUNKS) for (const chunk of payload as readonly UIMessageChunk[]) controller.enqueue(chunk);
        },
        error(error: RxwireError) {
          controller.enqueue({ type: 'error', errorText: error.text });
          close();
        },
        complete: close,
      });
      release = () => {
        subscription.unsubscribe();
        silence.unsubscribe();
        signal?.removeEventListener('abort', stop);
      };
      listen();
    },
    cancel: () => release(),
  });
}
