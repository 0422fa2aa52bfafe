import type { UIMessage, UIMessageChunk } from 'ai';
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
/** The default of the option `maxChunk` of both sides, in bytes of JSON text. */
export const MAX_CHUNK = 8_388_608;
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

/** A part of the JSON text of a chunk that is too large for one message. */
export interface ChunkPart {
  readonly part: string;
  readonly isLast: boolean;
}

/** The payload of `ai.chunks`: chunks, and parts of chunks, in order. */
export type ChunksPayload = readonly (UIMessageChunk | ChunkPart)[];

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
