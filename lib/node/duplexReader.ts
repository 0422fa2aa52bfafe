import { StreamClosedError } from '../errors.js';
import { createRing } from '../internal/ring.js';
import { DUPLEX_WINDOW, weightOf, type DuplexPart } from './duplexParts.js';

/** The reader confirms the parts that were read when they have this weight. */
const REPORTED_WEIGHT = DUPLEX_WINDOW / 4;

export interface DuplexReaderOptions {
  readonly type: string;
  /** Gives bytes, or the end, to the stream. Returns whether it wants more. */
  readonly push: (bytes: Uint8Array | null) => boolean;
  /** Returns whether the application has read all that was pushed. */
  readonly isRead: () => boolean;
  readonly send: (part: DuplexPart) => void;
  /** Called when the other side was destroyed before its end. */
  readonly onAborted: (reason: string) => void;
}

/** A part with bytes, with the end, or without both: the other side was destroyed. */
type ReceivedPart = Exclude<DuplexPart, { readonly taken: number } | { readonly refused: string }>;

/** Receives the bytes of a duplex, and holds them until the stream wants them. */
export function createDuplexReader({ type, push, isRead, send, onAborted }: DuplexReaderOptions) {
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
  let isPushed = false;
  let isEnded = false;

  const report = (): void => {
    reported = taken;
    if (peer !== undefined) send({ duplex: peer, taken });
  };
  const take = (bytes: Uint8Array): void => {
    taken += weightOf(bytes);
    // `push` may call `read`.
    isWanted = false;
    if (push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) isWanted = true;
    if (taken - reported >= REPORTED_WEIGHT) report();
  };
  /** Called when the application has read all bytes, and the end: the other side finishes. */
  const confirmEnd = (): void => {
    if (isEnded) return;
    isEnded = true;
    taken += weightOf();
    report();
  };
  const drain = (): void => {
    for (let bytes = waiting.peek(); bytes && isWanted; bytes = waiting.peek()) {
      waiting.shift();
      take(bytes);
    }
    if (!hasEnd || isPushed || waiting.size > 0) return;
    isPushed = true;
    push(null);
    if (isRead()) confirmEnd();
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
    confirmEnd,
    /** Whether the other side has written anything. */
    hasBegun: (): boolean => offset > 0 || hasEnd,
    /** Whether all bytes have arrived, and the end. */
    hasEnd: (): boolean => hasEnd,
    /** Whether the application has read all bytes, and the end. */
    isEnded: (): boolean => isEnded,
    /** Whether the application would miss something. */
    isLoss: (): boolean => !isEnded && (wasRead || waiting.size > 0),
  };
}
