import type { UIMessageChunk } from 'ai';
import { findUnsupported } from '../../codec/assertEncodable.js';
import { byteLength } from '../../message/bytes.js';
import { createMessage } from '../../message/createMessage.js';
import { EncodeError, FrameTooLargeError, InvalidMessageError } from '../../message/errors.js';
import { textOf } from '../../message/errors/rxwireError.js';
import { estimateSize } from '../../message/estimateSize.js';
import { MAX_DEPTH, NAME_PATTERN } from '../../message/messageLimits.js';
import type { Message } from '../../message/types.js';
import { CHUNKS, SERVER, type ChunkPart, type ChunksPayload } from './chatMessages.js';

/** The maximum size of the chunks of one message, in bytes of JSON text. */
const MAX_MESSAGE = 65_536;
/** The maximum length of a part, and of a joined text: each character has up to 3 bytes. */
const MAX_PART = MAX_MESSAGE / 4;
const PARTS = new RegExp(`.{1,${MAX_PART}}`, 'gsu');
/** The maximum size of compacted chunks, in bytes of JSON text. */
const MAX_COMPACTED = 2 * MAX_MESSAGE;
/** JSON escapes an unpaired surrogate, such as half of an emoji. Other codecs reject it. */
const UNPAIRED = /\\ud[89a-f]/;
/** A chunk lies one level below the payload. */
const JSON_RULES = { maxDepth: MAX_DEPTH - 1, supports: () => false };

export interface ChunkLimits {
  /** The maximum size of a chunk, in bytes of JSON text. */
  readonly maxChunk: number;
  /** Whether JSON must carry each chunk. Otherwise, the channel refuses what a codec cannot. */
  readonly mustBeJson: boolean;
}

/** A chunk of an answer that cannot be sent. */
export class ChunkError extends InvalidMessageError {
  /** @param reason Names the path of the value. It may be shown to the readers of the answer. */
  constructor(chunk: unknown, reason: string) {
    const { type } = Object(chunk) as Partial<UIMessageChunk>;
    super(`the chunk "${String(type)}" of the answer`, reason);
  }
}

/** Joins the pieces of one text. A late reader receives few long pieces, not many short ones. */
export function joinChunks(chunks: readonly UIMessageChunk[]): readonly UIMessageChunk[];
export function joinChunks(chunks: ChunksPayload): ChunksPayload;
export function joinChunks(chunks: ChunksPayload): ChunksPayload {
  const joined: ChunksPayload[number][] = [];
  for (const chunk of chunks) {
    const last = joined.at(-1);
    const text = last && joinText(last, chunk);
    if (text) joined[joined.length - 1] = text;
    else joined.push(chunk);
  }
  return joined;
}

function joinText(one: ChunksPayload[number], other: ChunksPayload[number]): UIMessageChunk | undefined {
  if ('part' in one || 'part' in other) return undefined;
  if (one.type === 'tool-input-delta' && other.type === 'tool-input-delta' && one.toolCallId === other.toolCallId)
    return isShort(one.inputTextDelta, other.inputTextDelta)
      ? { ...one, inputTextDelta: one.inputTextDelta + other.inputTextDelta }
      : undefined;
  const areText =
    (one.type === 'text-delta' && other.type === 'text-delta') || (one.type === 'reasoning-delta' && other.type === 'reasoning-delta');
  if (!areText || one.id !== other.id || other.providerMetadata || !isShort(one.delta, other.delta)) return undefined;
  return { ...one, delta: one.delta + other.delta };
}

const isShort = (one: string, other: string): boolean => one.length + other.length <= MAX_PART;

/**
 * Returns the payloads of messages that are not too large. The JSON text of a large chunk, of any
 * type, becomes several parts. A chunk that JSON cannot carry is alone in its message: the channel
 * accepts the message if each codec of the server can carry it.
 *
 * @throws {ChunkError} After the payloads in front of a chunk that cannot be sent.
 */
export function* payloadsOf(chunks: readonly UIMessageChunk[], { maxChunk, mustBeJson }: ChunkLimits): Generator<ChunksPayload, void> {
  let payload: UIMessageChunk[] = [];
  let size = 0;
  for (const chunk of chunks) {
    const text = jsonOf(chunk);
    const bytes = text === undefined ? Infinity : byteLength(text);
    const isAlone = bytes > MAX_MESSAGE || UNPAIRED.test(text as string);
    if (payload.length > 0 && (isAlone || size + bytes > MAX_MESSAGE)) {
      yield payload;
      payload = [];
      size = 0;
    }
    if (!isAlone) {
      payload.push(chunk);
      size += bytes;
    } else if (text === undefined) {
      if (mustBeJson || estimateSize(chunk, MAX_MESSAGE) > MAX_MESSAGE) throw unsendable([chunk]);
      yield [chunk];
    } else {
      if (bytes > maxChunk)
        throw new ChunkError(chunk, `has ${bytes} bytes, most of them in ${largestPath(chunk)}. The limit is ${maxChunk} ("maxChunk")`);
      yield* partsOf(text);
    }
  }
  if (payload.length > 0) yield payload;
}

/**
 * Returns the JSON text of a chunk; undefined if JSON cannot carry it.
 *
 * @throws {ChunkError} If it is no chunk.
 */
function jsonOf(chunk: UIMessageChunk): string | undefined {
  if (typeof (Object(chunk) as Partial<UIMessageChunk>).type !== 'string') throw new ChunkError(chunk, 'has no type');
  return findUnsupported(chunk, JSON_RULES) === undefined ? JSON.stringify(chunk) : undefined;
}

/** Cuts a text, between two characters. */
function partsOf(text: string): readonly (readonly [ChunkPart])[] {
  const parts = text.match(PARTS) ?? [];
  return parts.map((part, index) => [{ part, isLast: index === parts.length - 1 }]);
}

/** Returns the path of the value with most bytes: `.output.files[3].content`. */
function largestPath(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  let largest: { readonly path: string; readonly inner: unknown; readonly size: number } | undefined;
  for (const [key, inner] of Object.entries(value)) {
    const size = estimateSize(inner);
    const path = Array.isArray(value) ? `[${key}]` : `.${NAME_PATTERN.test(key) ? key : '?'}`;
    if (!largest || size > largest.size) largest = { path, inner, size };
  }
  // A list of small items is large itself.
  return largest && largest.size > estimateSize(value) / 2 ? largest.path + largestPath(largest.inner) : '';
}

/** Returns the error of a message that the channel has refused. Other errors stay as they are. */
export function sendErrorOf(error: Error, { type, payload }: Message): Error {
  const refusal = [error, error.cause].find(
    (one) => one instanceof EncodeError || one instanceof FrameTooLargeError || one instanceof InvalidMessageError,
  );
  return refusal && type === CHUNKS ? unsendable(payload as ChunksPayload, textOf(refusal)) : error;
}

/** @param reason Why the chunks cannot be sent. @default the path of a value that JSON lacks */
function unsendable(chunks: ChunksPayload, reason?: string): ChunkError {
  const faults = chunks.map((chunk) => findUnsupported(chunk, JSON_RULES));
  const index = Math.max(
    0,
    faults.findIndex((fault) => fault !== undefined),
  );
  return new ChunkError(chunks[index], `cannot be sent: ${faults[index]?.replace(/^: /, '') ?? reason}`);
}

/** A late reader receives one long message in place of many short ones, unless it is too long. */
export function compactChunks(messages: readonly Message[]): Message | undefined {
  const chunks = messages.flatMap(({ type, source, payload }) => (type === CHUNKS && source === SERVER ? (payload as ChunksPayload) : []));
  const joined = joinChunks(chunks);
  const isSmall = findUnsupported(joined, JSON_RULES) === undefined && byteLength(JSON.stringify(joined)) <= MAX_COMPACTED;
  return isSmall ? createMessage(CHUNKS, joined, { source: SERVER }) : undefined;
}
