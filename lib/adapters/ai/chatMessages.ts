import type { UIMessage, UIMessageChunk } from 'ai';
import { estimateSize } from '../../message/estimateSize.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';

/** The types of the messages between {@link chatTransport} and {@link serveChat}. */
export const SEND = 'ai.send';
export const RESUME = 'ai.resume';
export const STOP = 'ai.stop';
/** The types of the messages in the channel of an answer. */
export const STARTED = 'ai.started';
export const CHUNKS = 'ai.chunks';
export const ALIVE = 'ai.alive';
/** Asks the writer of an answer for an `ai.alive`. */
export const PING = 'ai.ping';
/**
 * The `source` of what the server writes into the channel of an answer. A hub gives the messages of
 * clients another one: no member has an id with this character.
 */
export const SERVER = '@rxwire/ai';

/** The server writes into the channel of an answer at least once in this time, in ms. */
export const ALIVE_INTERVAL = 10_000;
/** The writer of an answer that is silent for longer is gone. */
export const MAX_SILENCE = 3 * ALIVE_INTERVAL;
/** Why an answer has ended whose writer is gone. */
export const WRITER_STOPPED = 'the server of this answer has stopped';

/** The question of a chat, as the client sends it. */
export interface SendPayload {
  readonly chatId: string;
  /** Names the answer. A question that is sent again has the same. */
  readonly answerId: string;
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly messageId: string | undefined;
  readonly messages: readonly UIMessage[];
  readonly body: object | undefined;
  readonly metadata: unknown;
}

/** The payload of `ai.started`. */
export interface StartedPayload {
  /** Names the call of the handler. */
  readonly mark: string;
  /** The node whose process writes the answer; undefined without a cluster. */
  readonly node: string | undefined;
}

/** The answer that a client stops, or asks for: the latest one, without an `answerId`. */
export interface AnswerPayload {
  readonly chatId: string;
  readonly answerId?: string | undefined;
  /** Whether the client wants the latest answer also if it has ended. */
  readonly ended?: boolean;
}

/** The latest answer of a chat: one that runs, or has ended; null if there is none. */
export type LatestAnswer = string | { readonly ended: string } | null;

/** Returns the start of the names of a chat's channels. @throws {TypeError} */
export function prefixOf(owner: string, chatId: string): string {
  const prefix = `ai/${chatId}/`;
  if (!isChatId(chatId))
    throw new TypeError(`${owner}: the id of a chat must be 1 to 90 of the characters A-Z a-z 0-9 _ . : -, got ${chatId}`);
  return prefix;
}

export function isChatId(value: unknown): boolean {
  return typeof value === 'string' && !value.includes('/') && NAME_PATTERN.test(`ai/${value}/${'a'.repeat(32)}`);
}

/** Joins the pieces of one text. A late reader receives few long pieces, not many short ones. */
export function joinChunks(chunks: readonly UIMessageChunk[]): readonly UIMessageChunk[] {
  const joined: UIMessageChunk[] = [];
  for (const chunk of chunks) {
    const last = joined.at(-1);
    const text = last && joinText(last, chunk);
    if (text) joined[joined.length - 1] = text;
    else joined.push(chunk);
  }
  return joined;
}

function joinText(one: UIMessageChunk, other: UIMessageChunk): UIMessageChunk | undefined {
  if (one.type === 'tool-input-delta' && other.type === 'tool-input-delta' && one.toolCallId === other.toolCallId)
    return { ...one, inputTextDelta: one.inputTextDelta + other.inputTextDelta };
  const areText =
    (one.type === 'text-delta' && other.type === 'text-delta') || (one.type === 'reasoning-delta' && other.type === 'reasoning-delta');
  if (!areText || one.id !== other.id || other.providerMetadata) return undefined;
  return { ...one, delta: one.delta + other.delta };
}

/** The maximum estimated size of the chunks of one message, in bytes: every reader can take it. */
const MAX_SIZE = 65_536;

/** Returns the chunks of messages that are not too large. A long text becomes several pieces. */
export function splitChunks(chunks: readonly UIMessageChunk[]): readonly (readonly UIMessageChunk[])[] {
  const messages: UIMessageChunk[][] = [];
  let size = Infinity;
  for (const chunk of chunks.flatMap(piecesOf)) {
    const bytes = estimateSize(chunk);
    if (size + bytes > MAX_SIZE) {
      messages.push([]);
      size = 0;
    }
    messages.at(-1)?.push(chunk);
    size += bytes;
  }
  return messages;
}

function piecesOf(chunk: UIMessageChunk): readonly UIMessageChunk[] {
  if (chunk.type === 'tool-input-delta') return textsOf(chunk.inputTextDelta).map((inputTextDelta) => ({ ...chunk, inputTextDelta }));
  if (chunk.type === 'text-delta' || chunk.type === 'reasoning-delta') return textsOf(chunk.delta).map((delta) => ({ ...chunk, delta }));
  return [chunk];
}

/** Cuts a text, between two characters. */
function textsOf(text: string): readonly string[] {
  return text.length > MAX_PIECE ? (text.match(PIECES) ?? []) : [text];
}

/** In UTF-16, a character has up to two units, and a piece half of the size of a message. */
const MAX_PIECE = MAX_SIZE / 4;
const PIECES = new RegExp(`.{1,${MAX_PIECE}}`, 'gsu');
