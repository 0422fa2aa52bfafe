import type { UIMessage } from 'ai';
import { EMPTY, firstValueFrom, from, type ObservableInput, type SchedulerLike, type Subscription } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { Hub } from '../../server/hub/hub.js';
import type { ChannelRetention } from '../../channels/channelLog.js';
import { consume } from '../../operators/consume/consume.js';
import { reply } from '../../operators/requests/reply.js';
import { ReplyError } from '../../message/errors.js';
import { anything, readOptions, whole, type OptionTable } from '../../message/options/readOptions.js';
import { CallbackError } from '../../message/errors/applicationErrors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import { MAX_REASON_LENGTH } from '../../message/messageLimits.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { Message } from '../../message/types.js';
import { ofType } from '../../operators/ofType.js';
import type { Wire } from '../../wire/wire.js';
import { ChunkError } from './answerChunks.js';
import { createChatAnswers } from './chatAnswers.js';
import type { ChatHandler } from './chatHandler.js';
import { isChatId, MAX_CHUNK, RESUME, SEND, STOP, type AnswerPayload, type LatestAnswer, type SendPayload } from './chatMessages.js';
import { endAnswersOfDeadNodes, type ChatCluster } from './deadNodes.js';

/** The access of a client to a chat, which needs permission. */
export interface ChatAccess<W extends Wire = Wire> {
  readonly wire: W;
  readonly chatId: string;
  readonly action: 'send' | 'resume' | 'stop';
}

export interface ServeChatOptions<W extends Wire = Wire> {
  /**
   * Decides who may ask, resume and stop. To protect what is read, deny the action `join` for the
   * channels `ai/<chatId>/…` in `authorize` of the hub, too.
   * @default everyone may do everything
   */
  readonly authorize?: (access: ChatAccess<W>) => boolean | ObservableInput<boolean>;
  /**
   * Returns the text for readers when an answer fails, of 256 characters at most: the details of an
   * error may be secret.
   * @default 'The answer has failed.'; for a chunk that cannot be sent also its type, and the path
   * of the value
   */
  readonly describe?: (error: unknown) => string;
  /**
   * Called once with the error of an answer that fails: of the handler, of the log, or an
   * `InvalidMessageError` for a chunk that cannot be sent.
   * @default the warnings of the process
   */
  readonly onError?: (error: unknown) => void;
  /** Chunks are collected for this time, in ms: one token is not one message. @default 30 */
  readonly flush?: number;
  /**
   * The maximum size of a chunk, in bytes of JSON text: an image as a data URL, or the output of a
   * tool. Chunks above 64 KiB are sent in parts. An answer with a larger chunk ends with an error.
   * At least 131,072, and not more than `maxChunk` of {@link chatTransport}, nor than the bytes of
   * `retain`.
   * @default 8_388_608: 8 MiB
   */
  readonly maxChunk?: number;
  /**
   * The maximum number of answers that run at the same time. The page receives `ERR_OVERFLOW` for a
   * question above this limit, or one of the next two. A question that is sent again counts once.
   * @default 1_000
   */
  readonly maxAnswers?: number;
  /** The same for the answers of one principal, or of one anonymous client. @default 20 */
  readonly maxPerPrincipal?: number;
  /** The same for the answers in one chat. @default 10 */
  readonly maxPerChat?: number;
  /**
   * How much of an answer is kept, and for how long after its end. A reader that begins later than
   * that gets an error. A field that is not set keeps its default.
   * @default a day, 100,000 messages and 16 MiB
   */
  readonly retain?: ChannelRetention;
  /**
   * The `natsCluster` of this server, which `listen` has, too. The answers of a node that dies end
   * with an error within some seconds.
   * @default they end 45 s after their last sign of life, while a page reads them: the page asks
   * after 30 s, and a server then asks the writer three times
   */
  readonly cluster?: ChatCluster;
  /** The scheduler for timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** The minimum of `maxChunk`: joined pieces of a text are smaller. */
const MIN_CHUNK = 131_072;

const CHAT_OPTIONS = {
  authorize: [anything],
  describe: [anything],
  onError: [anything],
  flush: [whole, 30],
  maxChunk: [`>= ${MIN_CHUNK}`, MAX_CHUNK],
  maxAnswers: [whole, 1_000],
  maxPerPrincipal: [whole, 20],
  maxPerChat: [whole, 10],
  retain: [anything],
  cluster: [anything],
  scheduler: [anything],
} as const satisfies OptionTable<ServeChatOptions>;

/**
 * Answers the chats of the AI SDK: {@link chatTransport} is the side of the page. Each answer is a
 * channel of the hub, so it continues after a reload, in another tab, and, with a log that several
 * servers share, at another server. The handler is called once for each question, however often the
 * question is sent. A client that leaves does not stop the answer.
 *
 * Returns a function that serves a wire. Call `rooms.serve(wire)` for the same wire.
 *
 * Needs a log that can list its channels, as all logs of rxwire can. Needs the package `ai`,
 * version 6 or 7.
 *
 * @param handler Passes the question to a model, and returns what it says.
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on, or `maxChunk`
 *   below 131,072.
 * @example
 * import { createServer } from 'node:http';
 * import { hub } from 'rxwire';
 * import { serveChat } from 'rxwire/ai';
 * import { listen } from 'rxwire/server';
 *
 * const rooms = hub({ authorize: ({ action }) => action === 'join' });
 * const chat = serveChat(rooms, async function* ({ messages, signal }) {
 *   yield { type: 'start' };
 *   yield { type: 'text-start', id: '1' };
 *   yield { type: 'text-delta', id: '1', delta: `${messages.length} messages` };
 *   yield { type: 'text-end', id: '1' };
 *   yield { type: 'finish' };
 * });
 * listen(createServer().listen(4870)).subscribe((wire) => {
 *   rooms.serve(wire);
 *   chat(wire);
 * });
 */
export function serveChat<M extends UIMessage = UIMessage, W extends Wire = Wire>(
  rooms: Hub<W>,
  handler: ChatHandler<M, W>,
  options: ServeChatOptions<W> = {},
): (wire: W) => Subscription {
  checkOptions('serveChat', options);
  const read = readOptions('serveChat', options, CHAT_OPTIONS);
  const { authorize = () => true, onError: report = reportUncaught, cluster, scheduler = steadyScheduler() } = read;
  const onError = (error: unknown): void =>
    callSafely(
      () => report(error),
      (cause) => reportUncaught(new CallbackError('onError', cause)),
    );
  const describe = (error: unknown): string => {
    const text = callSafely<unknown>(
      () => (options.describe ?? describeError)(error),
      (cause) => onError(new CallbackError('describe', cause)),
    );
    // Codecs reject one half of an emoji.
    return (
      (typeof text === 'string' &&
        text
          .replace(/\p{Cc}/gu, ' ')
          .slice(0, MAX_REASON_LENGTH)
          .replace(/\p{Surrogate}/gu, '')) ||
      FAILED
    );
  };
  const answers = createChatAnswers(rooms, handler, { ...read, describe, onError, scheduler });
  const { isWritten } = answers;
  const deadNodes$ = cluster ? endAnswersOfDeadNodes(rooms, { cluster, isWritten, onError, scheduler }) : EMPTY;

  const permit = async (wire: W, chatId: string, action: ChatAccess['action']): Promise<void> => {
    const answer = authorize({ wire, chatId, action });
    const isAllowed = typeof answer === 'boolean' ? answer : await firstValueFrom(from(answer), { defaultValue: false });
    if (!isAllowed) throw new ReplyError('ERR_FORBIDDEN', `you may not ${action} this chat`);
  };
  const stop = async (payload: unknown, wire: W): Promise<void> => {
    try {
      const { chatId, answerId } = readAnswer(payload);
      await permit(wire, chatId, 'stop');
      await answers.stop(chatId, answerId);
    } catch (error) {
      // A client that may not stop a chat, or names none, gets no answer, and makes no noise.
      if (!(error instanceof ReplyError)) throw error;
    }
  };

  return (wire) => {
    const handlers = {
      [SEND]: async ({ payload }: Message) => {
        const question = readSend(payload);
        return answers.start(question, wire, permit(wire, question.chatId, 'send'));
      },
      [RESUME]: async ({ payload }: Message) => {
        const { chatId } = readAnswer(payload);
        await permit(wire, chatId, 'resume');
        const { running, ended } = await answers.latest(chatId);
        const wantsEnded = (payload as Partial<AnswerPayload>).ended === true && ended !== undefined;
        return (running ?? (wantsEnded ? { ended } : null)) satisfies LatestAnswer;
      },
    };
    const subscription = wire.pipe(reply(handlers, { wire })).subscribe(wire as never);
    // The sender of many stops waits.
    const stopped$ = wire.pipe(
      ofType(STOP),
      consume(({ payload }) => stop(payload, wire), { concurrency: STOPS, scheduler, onError: (error) => onError(error.cause ?? error) }),
    );
    subscription.add(stopped$.subscribe({ error: onError }));
    subscription.add(answers.endings$.subscribe());
    subscription.add(deadNodes$.subscribe());
    return subscription;
  };
}

/** The stops of a client that are handled at the same time. */
const STOPS = 16;
const FAILED = 'The answer has failed.';

/** Returns the text of an error, for readers. */
const describeError = (error: unknown): string =>
  error instanceof ChunkError ? `The answer has failed: ${error.path} ${error.reason}.` : FAILED;

const ANSWER_ID = /^[\w-]{1,32}$/;

function readAnswer(payload: unknown): AnswerPayload {
  const { chatId, answerId } = Object(payload) as { readonly [K in keyof AnswerPayload]: unknown };
  const isAnswerId = (value: unknown): value is string => typeof value === 'string' && ANSWER_ID.test(value);
  if (typeof chatId !== 'string' || !isChatId(chatId)) throw new ReplyError('ERR_INVALID', 'the chat has no valid id');
  // Some codecs have no `undefined`.
  if (answerId === undefined || answerId === null) return { chatId };
  if (!isAnswerId(answerId)) throw new ReplyError('ERR_INVALID', 'the answer has no valid id');
  return { chatId, answerId };
}

function readSend(payload: unknown): SendPayload {
  const { chatId, answerId } = readAnswer(payload);
  const { trigger, messageId, messages, body, metadata } = Object(payload) as Partial<SendPayload>;
  const isRegeneration = trigger === 'regenerate-message';
  if (answerId === undefined || !Array.isArray(messages)) throw new ReplyError('ERR_INVALID', 'the question has no messages');
  const id = typeof messageId === 'string' ? messageId : undefined;
  return { chatId, answerId, trigger: isRegeneration ? trigger : 'submit-message', messageId: id, messages, body, metadata };
}
