import type { Message } from 'rxwire';
import { outputIn, type ExecutionMessage, type OutputPiece } from '../messages.js';

/** Joins messages of a run to the last of them, which has what was printed before it. */
export function compactOutput(messages: readonly Message[]): Message | undefined {
  const all = messages as readonly ExecutionMessage[];
  const last = all.at(-1);
  // A run that has printed nothing yet.
  if (!last?.metadata?.deliveryTag) return undefined;
  const first = all.find(({ metadata }) => metadata?.deliveryTag)?.metadata?.deliveryTag;
  const before = joinPieces(all.slice(0, -1).flatMap(outputIn));
  return { ...last, payload: { ...last.payload, before }, metadata: { deliveryTag: `${first}-${last.metadata.deliveryTag}` } };
}

/** Joins neighbours of the same stream. */
function joinPieces(pieces: readonly OutputPiece[]): readonly OutputPiece[] {
  const joined: OutputPiece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last?.stream === piece.stream && last) joined[joined.length - 1] = { ...last, data: last.data + piece.data };
    else joined.push(piece);
  }
  return joined;
}
