import type { Observable, Subscription } from 'rxjs';
import type { SendingWire } from '../../operators/sending/sendOptions.js';
import { InvalidPayloadError, type RxwireError, WireClosedError } from '../../message/errors.js';
import { noteHandled } from '../../operators/subscribing/deliveryContext.js';
import { markInternal } from '../../wire/internalSubscriptions.js';
import { createMessage } from '../../message/createMessage.js';
import type { Delivery, Message } from '../../message/types.js';

/** The part of a wire that a duplex uses. */
export interface DuplexWire extends SendingWire, Observable<Message> {
  readonly delivery: Delivery;
  readonly errors$: Observable<RxwireError>;
}

export interface DuplexEnd {
  receive(part: DuplexPart): void;
  /** Ends the duplex, and notifies the other side. */
  fail(error: unknown): void;
  /** Ends the duplex, because the other side has ended. */
  close(error: unknown): void;
}

type DuplexRegistry = ReturnType<typeof createDuplexRegistry>;

const registries = /* @__PURE__ */ new WeakMap<DuplexWire, DuplexRegistry>();

/** Returns the duplexes of a wire. They share one subscription to the wire. */
export function duplexesOf(wire: DuplexWire): DuplexRegistry {
  const registry = registries.get(wire) ?? createDuplexRegistry(wire);
  registries.set(wire, registry);
  return registry;
}

function createDuplexRegistry(wire: DuplexWire) {
  const ends = new Map<string, DuplexEnd>();
  let subscription: Subscription | undefined;

  const closeAll = (error: unknown): void => [...ends.values()].forEach((end) => end.close(error));
  const receive = (message: Message<string, unknown>): void => {
    const { type } = message;
    const end = ends.get(type);
    if (!end && !isDuplexPart(message.payload)) return;
    noteHandled();
    try {
      const part = readPart(message);
      if (end) end.receive(part);
      else if ('end' in part || ('bytes' in part && part.bytes.length > 0))
        sendPart(wire, type, { duplex: part.duplex, refused: 'the other side has no such stream' });
    } catch (error) {
      end?.fail(error);
    }
  };
  const subscribe = (): Subscription => {
    const subscribed = wire.subscribe({
      next: receive,
      error: closeAll,
      complete: () => closeAll(wire.state.error ?? new WireClosedError()),
    });
    // The other side has a new wire for this one: it has none of these duplexes.
    subscribed.add(markInternal(wire.errors$.subscribe((error) => error.code === 'ERR_SESSION_LOST' && closeAll(error))));
    return subscribed;
  };
  return {
    /** @throws {TypeError} If the wire has a duplex of this type. */
    add(type: string, end: DuplexEnd): void {
      if (ends.has(type)) throw new TypeError(`wireDuplex: the wire has a duplex of the type "${type}" already; use a type for each`);
      ends.set(type, end);
      // It stays until the end of the wire: parts behind the last duplex are refused.
      subscription ??= subscribe();
    },
    remove(type: string, end: DuplexEnd): void {
      if (ends.get(type) === end) ends.delete(type);
    },
  };
}

/**
 * Sends a part that is not bytes.
 *
 * @param isNotice Whether nothing is lost without it: the wire does not wait for its ack.
 */
export function sendPart(wire: DuplexWire, type: string, part: DuplexPart, isNotice = false): void {
  wire.next(isNotice ? createMessage<string, DuplexPart>(type, part, { delivery: 'at-most-once' }) : partMessage(wire, type, part));
}

/** Returns the message of a part. Streams need acks: a level without them is raised. */
export function partMessage({ delivery }: DuplexWire, type: string, part: DuplexPart): Message {
  return createMessage<string, DuplexPart>(type, part, delivery === 'at-most-once' ? { delivery: 'at-least-once' } : undefined);
}

/** The maximum weight that the other side has not read. More than that destroys the duplex. */
export const DUPLEX_WINDOW = 1024 * 1024;

/** The weight of a part besides its bytes, so that small parts are limited, too. */
const PART_WEIGHT = 256;

/** The maximum length of the reason for which a duplex was destroyed. */
const MAX_REASON = 256;

/**
 * The payload of a message of a duplex. `duplex` identifies the side that has sent the bytes;
 * `taken` and `refused` name the other side.
 */
export type DuplexPart =
  /** Bytes, of which `offset` were sent before. The first part of a side has no bytes. */
  | { readonly duplex: string; readonly offset: number; readonly bytes: Uint8Array }
  /** The end of the bytes. */
  | { readonly duplex: string; readonly offset: number; readonly end: true }
  /** The duplex was destroyed before its end. */
  | { readonly duplex: string; readonly aborted: string }
  /** The weight of the parts that were read. */
  | { readonly duplex: string; readonly taken: number }
  /** There is no duplex for these bytes. */
  | { readonly duplex: string; readonly refused: string };

/** Returns the weight of bytes, or of the end. */
export const partWeightOf = (bytes?: Uint8Array): number => PART_WEIGHT + (bytes?.length ?? 0);

function isDuplexPart(payload: unknown): boolean {
  return typeof (payload as { readonly duplex?: unknown } | null | undefined)?.duplex === 'string';
}

function readPart({ id, type, payload }: Message<string, unknown>): DuplexPart {
  const { duplex, offset, bytes, end, aborted, taken, refused } = Object(payload) as Readonly<Record<string, unknown>>;
  const fail = (reason: string): never => {
    throw new InvalidPayloadError(id, type, reason, [{ message: reason }]);
  };
  if (typeof duplex !== 'string' || duplex.length > MAX_REASON) return fail('"duplex" must be the id of a duplex');
  if (typeof aborted === 'string') return { duplex, aborted: aborted.slice(0, MAX_REASON) };
  if (typeof refused === 'string') return { duplex, refused: refused.slice(0, MAX_REASON) };
  if (taken !== undefined) return isCount(taken) ? { duplex, taken } : fail('"taken" must be a whole number');
  if (!isCount(offset)) return fail('"offset" must be a whole number');
  if (end === true) return { duplex, offset, end };
  return bytes instanceof Uint8Array ? { duplex, offset, bytes } : fail('"bytes" must be bytes');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
