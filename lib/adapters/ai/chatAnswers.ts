import type { UIMessage } from 'ai';
import { nanoid } from 'nanoid';
import { filter, firstValueFrom, noop, Subscription, toArray } from 'rxjs';
import { createMessage } from '../../message/createMessage.js';
import { ChannelEndedError } from '../../message/errors.js';
import type { Hub } from '../../server/hub/hub.js';
import type { ChannelInfo, ChannelRetention } from '../../channels/channelLog.js';
import type { Wire } from '../../wire/wire.js';
import { compactChunks } from './answerChunks.js';
import { createWriterChecks } from './answerLiveness.js';
import { createAnswerShares, type AnswerLimits } from './answerShares.js';
import { writeAnswer, type WriterOptions } from './answerWriter.js';
import type { ChatHandler } from './chatHandler.js';
import { prefixOf, SERVER, STARTED, STOP, type SendPayload, type StartedPayload } from './chatMessages.js';
import type { ChatCluster } from './deadNodes.js';

/** The limits of a log may be those of short messages: a long answer would lose its start. */
const RETAIN: ChannelRetention = { messages: 100_000, bytes: 16_777_216, age: 86_400_000 };

/** The options of the answers, with their defaults. */
interface AnswerOptions extends WriterOptions, AnswerLimits {
  readonly retain?: ChannelRetention;
  readonly cluster?: ChatCluster;
}

/** Creates the answers of a server: each is a channel, which this server or another one writes. */
export function createChatAnswers<M extends UIMessage, W extends Wire>(rooms: Hub<W>, handler: ChatHandler<M, W>, options: AnswerOptions) {
  const { onError, scheduler } = options;
  const shares = createAnswerShares(options);
  /** The answers that begin, by the names of their channels: also those that need permission. */
  const beginning = new Map<string, Promise<unknown>>();
  /** The answers that this process writes, or begins to write, with their ids. */
  const written = new Map<string, Promise<string>>();
  const infoOf = (name: string): Promise<ChannelInfo | undefined> =>
    firstValueFrom(rooms.list(name).pipe(filter((info) => info.name === name)), { defaultValue: undefined });

  const isWritten = (name: string): boolean => written.has(name);
  const { endings$, check } = createWriterChecks(rooms, { isWritten, onError, scheduler });

  const beginOnce = async (name: string, payload: SendPayload, wire: W): Promise<string> => {
    const { chatId, answerId } = payload;
    const known = written.get(name);
    if (known) return known;
    let release: () => void;
    try {
      release = shares.take(wire, chatId);
    } catch (error) {
      // The question was sent again, maybe to another server than before.
      if (await infoOf(name)) return answerId;
      throw error;
    }
    const writing = begin({ rooms, handler, name, payload, wire }, options);
    const over = (): void => {
      release();
      written.delete(name);
    };
    const begun = writing.then(() => answerId);
    written.set(name, begun);
    writing.then((subscription) => subscription.add(over), over);
    return begun;
  };

  return {
    /** Ends the answers whose writers do not reply, while it is subscribed to. */
    endings$,
    /** Returns whether this process writes an answer, or begins to. */
    isWritten,
    /** Returns the latest answers of a chat. Ends those whose writer is gone, after some time. */
    async latest(chatId: string): Promise<{ readonly running?: string; readonly ended?: string }> {
      const prefix = prefixOf('serveChat', chatId);
      const all = await firstValueFrom(rooms.list(prefix).pipe(toArray()));
      const found: { running?: string; ended?: string } = {};
      for (const { name, hasEnded } of all.sort((one, other) => one.at - other.at)) {
        if (!hasEnded) check(name);
        found[hasEnded ? 'ended' : 'running'] = name.slice(prefix.length);
      }
      return found;
    },
    /** Begins an answer when it is permitted. Returns its id. */
    start(payload: SendPayload, wire: W, permitted: Promise<void>): Promise<string> {
      const name = prefixOf('serveChat', payload.chatId) + payload.answerId;
      const begun = permitted.then(() => beginOnce(name, payload, wire));
      const settled = begun.catch(noop);
      beginning.set(name, settled);
      void settled.then(() => beginning.get(name) === settled && beginning.delete(name));
      return begun;
    },
    /** Stops an answer, wherever it is written. An answer that has ended needs no stop. */
    async stop(chatId: string, answerId: string | undefined): Promise<void> {
      const stopped = answerId ?? (await this.latest(chatId)).running;
      if (stopped === undefined) return;
      const name = prefixOf('serveChat', chatId) + stopped;
      // A question that is sent again may wait for its permission for long.
      await (written.get(name)?.catch(noop) ?? beginning.get(name));
      // A stop must not create the channel of an answer that nobody writes.
      const found = await infoOf(name);
      if (!found || found.hasEnded) return;
      try {
        await rooms.channel(name).send(createMessage(STOP, null, { source: SERVER }));
      } catch (error) {
        if (!(error instanceof ChannelEndedError)) throw error;
      }
    },
  };
}

interface Beginning<M extends UIMessage, W extends Wire> {
  readonly rooms: Hub<W>;
  readonly handler: ChatHandler<M, W>;
  /** The name of the channel. */
  readonly name: string;
  readonly payload: SendPayload;
  readonly wire: W;
}

/**
 * Begins an answer, unless the question was sent before. Returns the writing, which may be over.
 */
async function begin<M extends UIMessage, W extends Wire>(parts: Beginning<M, W>, options: AnswerOptions): Promise<Subscription> {
  const { rooms, handler, name, payload, wire } = parts;
  try {
    const room = rooms.channel(name, { from: 'start', retain: { ...RETAIN, ...options.retain } });
    // The log stores this message once, whichever server has taken the question first.
    const mark = nanoid();
    const started: StartedPayload = { mark, node: options.cluster?.node };
    await room.send(createMessage(STARTED, started, { id: payload.answerId, source: SERVER }));
    const first = await firstValueFrom(room.pipe(filter(({ source }) => source === SERVER)));
    if ((Object(first.payload) as Partial<StartedPayload>).mark !== mark) return Subscription.EMPTY;
    const { messages, ...question } = payload;
    const call = (signal: AbortSignal) => handler({ ...question, messages: messages as M[], signal, wire });
    // A channel does not know the codecs of a wire that does not name them.
    const mustBeJson = (wire as { readonly sendingLimits?: unknown }).sendingLimits === undefined;
    const answer = { call, messageId: messageIdOf(payload), mustBeJson };
    return writeAnswer(rooms.channel(name, { from: 'start', compact: compactChunks }), answer, options);
  } catch (error) {
    if (error instanceof ChannelEndedError) return Subscription.EMPTY;
    throw error;
  }
}

/** Returns the id of the message of an answer; undefined if the answer continues a message. */
function messageIdOf({ answerId, messageId, messages }: SendPayload): string | undefined {
  const isAsked = (message: unknown): boolean => messageId !== undefined && (Object(message) as Partial<UIMessage>).id === messageId;
  const { role } = Object(messages.find((message) => isAsked(message)) ?? messages.at(-1)) as Partial<UIMessage>;
  return role === 'assistant' ? undefined : answerId;
}
