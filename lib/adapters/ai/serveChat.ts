import type { UIMessage } from 'ai';
import { EMPTY, filter, firstValueFrom, from, noop, toArray, type ObservableInput, type SchedulerLike, type Subscription } from 'rxjs';
import { nanoid } from 'nanoid';
import { checkOptions } from '../../message/development.js';
import type { Hub } from '../../server/hub/hub.js';
import type { ChannelInfo, ChannelRetention } from '../../server/hub/channelLog.js';
import { reply } from '../../operators/requests/reply.js';
import { ChannelEndedError, ReplyError } from '../../message/errors.js';
import { anything, readOptions, whole, type OptionTable } from '../../message/options/readOptions.js';
import { CallbackError } from '../../message/errors/applicationErrors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import { createMessage } from '../../message/createMessage.js';
import type { Message } from '../../message/types.js';
import { ofType } from '../../operators/ofType.js';
import type { Wire } from '../../wire/wire.js';
import {
  ALIVE,
  isChatId,
  type LatestAnswer,
  MAX_SILENCE,
  prefixOf,
  RESUME,
  SEND,
  SERVER,
  STARTED,
  STOP,
  type AnswerPayload,
  type SendPayload,
  type StartedPayload,
  WRITER_STOPPED,
} from './chatMessages.js';
import { compactChunks, writeAnswer, type ChatAnswer, type WriterOptions } from './answerWriter.js';
import { endAnswersOfDeadNodes, type ChatCluster } from './deadNodes.js';

/** A question, for the handler that answers it. */
export interface ChatTurn<M extends UIMessage = UIMessage, W extends Wire = Wire> {
  readonly chatId: string;
  /** Names the answer: the same for a question that is sent again. */
  readonly answerId: string;
  readonly trigger: 'submit-message' | 'regenerate-message';
  /** The message to regenerate. */
  readonly messageId: string | undefined;
  /** The messages of the client, which may be anything: check them with `validateUIMessages`. */
  readonly messages: M[];
  /** The `body` and the `metadata` that the page has passed to `sendMessage`. */
  readonly body: unknown;
  readonly metadata: unknown;
  /** Aborted when a user stops the answer. Pass it to the model. */
  readonly signal: AbortSignal;
  /** The wire of the client that asks. It may end before the answer does. */
  readonly wire: W;
}

/** Returns the chunks of an answer: the result of `toUIMessageStream()`, or any other source. */
export type ChatHandler<M extends UIMessage = UIMessage, W extends Wire = Wire> = (
  turn: ChatTurn<M, W>,
) => ChatAnswer | Promise<ChatAnswer>;

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
   * Returns the text for readers when the handler fails: the details may be secret.
   * @default 'The answer has failed.'
   */
  readonly describe?: (error: unknown) => string;
  /** Called with the error of a handler, or of the log. @default the warnings of the process */
  readonly onError?: (error: unknown) => void;
  /** Chunks are collected for this time, in ms: one token is not one message. @default 30 */
  readonly flush?: number;
  /** The maximum number of answers that run at the same time. @default 1_000 */
  readonly maxAnswers?: number;
  /**
   * How much of an answer is kept, and for how long after its end. A reader that begins later than
   * that gets an error. A field that is not set keeps its default.
   * @default a day, 100,000 messages and 16 MiB
   */
  readonly retain?: ChannelRetention;
  /**
   * The `natsCluster` of this server, which `listen` has, too. The answers of a node that dies end
   * with an error within some seconds.
   * @default they end after half a minute of silence
   */
  readonly cluster?: ChatCluster;
  /** The scheduler for timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

const CHAT_OPTIONS = {
  authorize: [anything],
  describe: [anything],
  onError: [anything],
  flush: [whole, 30],
  maxAnswers: [whole, 1_000],
  retain: [anything],
  cluster: [anything],
  scheduler: [anything],
} as const satisfies OptionTable<ServeChatOptions>;

/** The limits of a log may be those of short messages: a long answer would lose its start. */
const RETAIN: ChannelRetention = { messages: 100_000, bytes: 16_777_216, age: 86_400_000 };

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
 * @throws {RangeError} At call time, if a number is not a whole number from 1 on.
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
  const answers = createAnswers(rooms, handler, { ...read, onError, scheduler });
  const deadNodes$ = cluster ? endAnswersOfDeadNodes(rooms, { cluster, onError, scheduler }) : EMPTY;

  const permit = async (wire: W, chatId: string, action: ChatAccess['action']): Promise<void> => {
    const answer = authorize({ wire, chatId, action });
    const isAllowed = typeof answer === 'boolean' ? answer : await firstValueFrom(from(answer), { defaultValue: false });
    if (!isAllowed) throw new ReplyError('ERR_FORBIDDEN', `you may not ${action} this chat`);
  };
  const stop = async (payload: unknown, wire: W): Promise<void> => {
    const { chatId, answerId } = readAnswer(payload);
    await permit(wire, chatId, 'stop');
    await answers.stop(chatId, answerId);
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
    // A client that asks for what it may not, or for nothing, gets no answer, and makes no noise.
    const failed = (error: unknown): void => {
      if (!(error instanceof ReplyError)) onError(error);
    };
    subscription.add(wire.pipe(ofType(STOP)).subscribe(({ payload }) => void stop(payload, wire).catch(failed)));
    subscription.add(deadNodes$.subscribe());
    return subscription;
  };
}

/** The options of the answers, with their defaults. */
type AnswerOptions = WriterOptions & Pick<ServeChatOptions, 'retain' | 'cluster'> & Required<Pick<ServeChatOptions, 'maxAnswers'>>;

/** The answers of a server: each is a channel, which this server or another one writes. */
function createAnswers<M extends UIMessage, W extends Wire>(rooms: Hub<W>, handler: ChatHandler<M, W>, options: AnswerOptions) {
  const { maxAnswers, scheduler } = options;
  const retain = { ...RETAIN, ...options.retain };
  /** The answers that run, or that begin. */
  let running = 0;
  /** The answers that begin, by the names of their channels. */
  const beginning = new Map<string, Promise<unknown>>();
  const infoOf = (name: string): Promise<ChannelInfo | undefined> =>
    firstValueFrom(rooms.list(name).pipe(filter((info) => info.name === name)), { defaultValue: undefined });
  /**
   * Returns whether the writer of an answer was silent for too long. The clock of this server may
   * differ from that of the log: a message, which readers ignore, shows the time of the log.
   */
  const isSilent = async ({ name, at }: ChannelInfo): Promise<boolean> => {
    if (at >= wallTime(scheduler) - MAX_SILENCE) return false;
    await rooms.channel(name).send(createMessage(ALIVE, null)).catch(noop);
    const now = await infoOf(name);
    return !now || now.hasEnded || now.at - at > MAX_SILENCE;
  };
  /** Returns the latest answers of a chat. Ends those whose writer is gone. */
  const latest = async (chatId: string): Promise<{ readonly running?: string; readonly ended?: string }> => {
    const prefix = prefixOf('serveChat', chatId);
    const all = await firstValueFrom(rooms.list(prefix).pipe(toArray()));
    const found: { running?: string; ended?: string } = {};
    for (const answer of all.sort((one, other) => one.at - other.at)) {
      const { name, hasEnded } = answer;
      const isLost = !hasEnded && (await isSilent(answer));
      if (isLost) await rooms.channel(name).end(WRITER_STOPPED).catch(noop);
      found[hasEnded || isLost ? 'ended' : 'running'] = name.slice(prefix.length);
    }
    return found;
  };

  const begin = async (name: string, payload: SendPayload, wire: W): Promise<string> => {
    const { answerId } = payload;
    if (running >= maxAnswers) throw new ReplyError('ERR_OVERFLOW', 'too many answers are being written');
    running++;
    let isRunning = false;
    try {
      const room = rooms.channel(name, { from: 'start', retain });
      // The log stores this message once, whichever server has taken the question first.
      const mark = nanoid();
      const started: StartedPayload = { mark, node: options.cluster?.node };
      await room.send(createMessage(STARTED, started, { id: answerId, source: SERVER }));
      const first = await firstValueFrom(room.pipe(filter(({ source }) => source === SERVER)));
      isRunning = (Object(first.payload) as Partial<StartedPayload>).mark === mark;
      if (isRunning) {
        const { messages, ...question } = payload;
        const call = (signal: AbortSignal) => handler({ ...question, messages: messages as M[], signal, wire });
        const answer = { call, messageId: messageIdOf(payload) };
        writeAnswer(rooms.channel(name, { from: 'start', compact: compactChunks }), answer, options).add(() => running--);
      }
    } catch (error) {
      if (!(error instanceof ChannelEndedError)) throw error;
    } finally {
      if (!isRunning) running--;
    }
    return answerId;
  };

  return {
    latest,
    async start(payload: SendPayload, wire: W, permitted: Promise<void>): Promise<string> {
      const name = prefixOf('serveChat', payload.chatId) + payload.answerId;
      const begun = permitted.then(() => begin(name, payload, wire));
      const settled = begun.catch(noop);
      beginning.set(name, settled);
      void settled.then(() => beginning.get(name) === settled && beginning.delete(name));
      return begun;
    },
    /** Stops an answer, wherever it is written. An answer that has ended needs no stop. */
    async stop(chatId: string, answerId: string | undefined): Promise<void> {
      const stopped = answerId ?? (await latest(chatId)).running;
      if (stopped === undefined) return;
      const name = prefixOf('serveChat', chatId) + stopped;
      await beginning.get(name);
      // A stop must not create the channel of an answer that nobody writes.
      const found = await infoOf(name);
      if (!found || found.hasEnded) return;
      await rooms
        .channel(name)
        .send(createMessage(STOP, null, { source: SERVER }))
        .catch(noop);
    },
  };
}

/** Returns the id of the message of an answer; undefined if the answer continues a message. */
function messageIdOf({ answerId, messageId, messages }: SendPayload): string | undefined {
  const isAsked = (message: unknown): boolean => messageId !== undefined && (Object(message) as Partial<UIMessage>).id === messageId;
  const { role } = Object(messages.find((message) => isAsked(message)) ?? messages.at(-1)) as Partial<UIMessage>;
  return role === 'assistant' ? undefined : answerId;
}

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
