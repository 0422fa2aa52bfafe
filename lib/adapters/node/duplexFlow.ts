import type { Duplex } from 'node:stream';
import { StreamClosedError } from '../../message/errors.js';
import { createRing } from '../../operators/buffers/ring.js';
import { DUPLEX_WINDOW, partMessage, sendPart, partWeightOf, type DuplexPart, type DuplexWire } from './duplexRegistry.js';
import { createMessageWriter } from './toWritable.js';

/** The reader confirms the parts that were read when they have this weight. */
const REPORTED_WEIGHT = DUPLEX_WINDOW / 4;

/** A part with bytes, with the end, or without both: the other side was destroyed. */
type ReceivedPart = Exclude<DuplexPart, { readonly taken: number } | { readonly refused: string }>;

/**
 * Receives the bytes of a duplex, and holds them until the stream wants them.
 *
 * @param onAborted Called when the other side was destroyed before its end.
 */
export function createDuplexReader(wire: DuplexWire, type: string, stream: () => Duplex, onAborted: (reason: string) => void) {
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
    if (peer !== undefined) sendPart(wire, type, { duplex: peer, taken });
  };
  const take = (bytes: Uint8Array): void => {
    taken += partWeightOf(bytes);
    // `push` may call `read`.
    isWanted = false;
    if (stream().push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) isWanted = true;
    if (taken - reported >= REPORTED_WEIGHT) report();
  };
  /** Called when the application has read all bytes, and the end: the other side finishes. */
  const confirmEnd = (): void => {
    if (isEnded) return;
    isEnded = true;
    taken += partWeightOf();
    report();
  };
  const drain = (): void => {
    for (let bytes = waiting.peek(); bytes && isWanted; bytes = waiting.peek()) {
      waiting.shift();
      take(bytes);
    }
    if (!hasEnd || isPushed || waiting.size > 0) return;
    isPushed = true;
    stream().push(null);
    if (stream().readableLength === 0) confirmEnd();
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
        weight += partWeightOf(part.bytes);
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

/**
 * Sends the bytes of a duplex: as many as the other side has room for.
 *
 * @param id Identifies the duplex.
 * @param onFailed Called with the error that ends the duplex.
 */
export function createDuplexWriter(wire: DuplexWire, type: string, id: string, ahead: number, onFailed: (error: unknown) => void) {
  const messages = createMessageWriter(wire, ahead, onFailed);
  let offset = 0;
  /** The weight of the parts that were sent, and of those that the other side has read. */
  let sent = 0;
  let taken = 0;
  let onTaken = (): void => undefined;

  /** Calls back when the other side has read all parts but those of this weight. */
  const whenTaken = (rest: number, then: () => void): void => {
    if (sent - taken <= rest) then();
    else
      onTaken = () => {
        if (sent - taken > rest) return;
        onTaken = () => undefined;
        then();
      };
  };
  const send = (part: DuplexPart, weight: number, done: () => void): void => {
    whenTaken(DUPLEX_WINDOW - weight, () => {
      sent += weight;
      messages.write(partMessage(wire, type, part), done);
    });
  };

  return {
    /** Announces the duplex to the other side. */
    open(): void {
      messages.start();
      messages.write(partMessage(wire, type, { duplex: id, offset, bytes: new Uint8Array() }), () => undefined);
    },
    write(bytes: Uint8Array, done: () => void): void {
      const part = { duplex: id, offset, bytes };
      offset += bytes.length;
      send(part, partWeightOf(bytes), done);
    },
    /** Calls back when the other side has read everything, and the end. */
    end(done: () => void): void {
      send({ duplex: id, offset, end: true }, partWeightOf(), () => whenTaken(0, () => messages.end(done)));
    },
    /** @throws {StreamClosedError} When the other side cannot have read that much. */
    receive(duplex: string, weight: number): void {
      if (duplex !== id) return;
      if (weight > sent) throw new StreamClosedError(type, 'the other side has read more than was sent');
      taken = Math.max(taken, weight);
      onTaken();
    },
    /** Whether bytes or the end would be lost now. */
    isLoss: ({ writableFinished, writableEnded, writableLength }: Duplex): boolean =>
      !writableFinished && (writableEnded || writableLength > 0 || sent > taken),
    stop: () => messages.stop(),
  };
}
