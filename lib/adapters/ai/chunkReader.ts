import type { UIMessageChunk } from 'ai';
import { findUnsupported } from '../../codec/assertEncodable.js';
import { withoutProto } from '../../codec/json.js';
import { MAX_DEPTH } from '../../message/messageLimits.js';
import type { ChunkPart } from './chatMessages.js';

/**
 * Creates a function that returns the chunks in the payloads of an answer, in order. It joins the
 * parts of large chunks.
 *
 * @param maxChunk The maximum length of the JSON text of a chunk. The function throws above it, and
 *   for anything that is no chunk.
 */
export function createChunkReader(maxChunk: number): (payload: unknown) => readonly UIMessageChunk[] {
  let text = '';
  return (payload) => {
    if (!Array.isArray(payload)) throw new Error(INVALID);
    const chunks: unknown[] = [];
    for (const item of payload as readonly (Partial<ChunkPart & UIMessageChunk> | undefined)[]) {
      if (typeof item?.part !== 'string' || item.type !== undefined) {
        chunks.push(item);
        continue;
      }
      text += item.part;
      if (text.length > maxChunk) throw new Error(`a part of the answer has more than ${maxChunk} characters ("maxChunk")`);
      if (item.isLast !== true) continue;
      const chunk: unknown = JSON.parse(text);
      if (findUnsupported(chunk, { maxDepth: MAX_DEPTH, supports: () => false })) throw new Error(INVALID);
      withoutProto(text, chunk);
      chunks.push(chunk);
      text = '';
    }
    if (!chunks.every((chunk) => typeof (Object(chunk) as Partial<UIMessageChunk>).type === 'string')) throw new Error(INVALID);
    return chunks as readonly UIMessageChunk[];
  };
}

const INVALID = 'a part of the answer is invalid';
