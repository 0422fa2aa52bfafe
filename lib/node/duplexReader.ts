import type { Duplex } from 'node:stream';
import { StreamClosedError } from '../errors.js';
import { createRing } from '../internal/ring.js';
import { DUPLEX_WINDOW, weightOf, type DuplexPart } from './duplexParts.js';

/** The other side learns that parts were read when they have this weight. */
const REPORTED_WEIGHT = DUPLEX_WINDOW / 4;

export interface DuplexReaderOptions {
  readonly type: string;
  /** Gives bytes, or the end, to the stream. Returns whether it wants more. */
  readonly push: (bytes: Uint8Array | null) => boolean;
  readonly send: (part: DuplexPart) => void;
  /** Called when the other side was destroyed before its end. */
  readonly onAborted: (reason: string) => void;
}

/** A part with bytes, with the end, or without both: the other side was destroyed. */
type ReceivedPart = Exclude<DuplexPart, { readonly taken: number } | { readonly refused: string }>;

/** Receives the bytes of a duplex, and holds them until the stream wants them. */
export function createDuplexReader({ type, push, send, onAborted }: DuplexReaderOptions) {
  const waiting = createRing<Uint8Array>();
  /** The other side, once it has sent something. */
  let peer: string | undefined;
  let offset = 0;
  let weight = 0;
  let taken = 0;
  let reported = 0;
  let isWanted = false;
  let wasRead = false;
  let hasEnd = false;
  let isEnded = false;

  const report = (): void => {
    reported = taken;
    if (peer !== undefined) send({ duplex: peer, taken });
  };
  const take = (part: Uint8Array | null): void => {
    taken += weightOf(part ?? undefined);
    // Node copies no bytes here. Its `push` may call `read`.
    isWanted = false;
    if (push(part && Buffer.from(part.buffer, part.byteOffset, part.length))) isWanted = true;
    if (part === null) isEnded = true;
    if (part === null || taken - reported >= REPORTED_WEIGHT) report();
  };
  const drain = (): void => {
    for (let bytes = waiting.peek(); bytes && isWanted; bytes = waiting.peek()) {
      waiting.shift();
      take(bytes);
    }
    if (hasEnd && !isEnded && waiting.size === 0) take(null);
  };
  const fail = (reason: string): never => {
    throw new StreamClosedError(type, reason);
  };

  return {
    /** @throws {StreamClosedError} When the part is not the next one of the stream. */
    receive(part: ReceivedPart): void {
      if (peer !== undefined && part.duplex !== peer) fail('the other side has begun another stream');
      if ('aborted' in part) {
        onAborted(part.aborted);
        return;
      }
      if (part.offset !== offset) fail(`bytes are missing: expected those at ${offset}, got those at ${part.offset}`);
      peer = part.duplex;
      if ('bytes' in part && part.bytes.length === 0) return;
      if (hasEnd) fail('the other side has sent bytes after the end');
      if ('end' in part) hasEnd = true;
      else {
        offset += part.bytes.length;
        weight += weightOf(part.bytes);
        if (weight - taken > DUPLEX_WINDOW) fail('the other side has sent more than it may');
        waiting.push(part.bytes);
      }
      drain();
    },
    /** Called when the stream wants bytes. */
    read(): void {
      isWanted = wasRead = true;
      drain();
    },
    /** Whether the stream has all bytes, and the end. */
    isEnded: (): boolean => isEnded,
    /** Whether the application would miss something. */
    isLoss: ({ readableEnded }: Duplex): boolean => !isEnded && !readableEnded && (wasRead || waiting.size > 0),
  };
}
