import type { Observable, Subscription } from 'rxjs';
import type { SendingWire } from '../app/sending/sendOptions.js';
import { WireClosedError, type RxwireError } from '../errors.js';
import { noteHandled } from '../internal/deliveryContext.js';
import { markInternal } from '../internal/internalSubscriptions.js';
import { createMessage } from '../message/createMessage.js';
import type { Delivery, Message } from '../message/types.js';
import { isDuplexPart, readPart, type DuplexPart } from './duplexParts.js';

/** The part of a wire that a duplex uses. */
export interface DuplexWire extends SendingWire, Observable<Message> {
  readonly delivery: Delivery;
  readonly errors$: Observable<RxwireError>;
}

/** One duplex, as its wire sees it. */
export interface DuplexEnd {
  receive(part: DuplexPart): void;
  /** Ends the duplex, and notifies the other side. */
  fail(error: unknown): void;
  /** Ends the duplex, because the other side has ended. */
  close(error: unknown): void;
}

/** The duplexes of one wire. */
export interface DuplexRegistry {
  /** @throws {TypeError} If the wire has a duplex of this type. */
  add(type: string, end: DuplexEnd): void;
  remove(type: string, end: DuplexEnd): void;
}

const registries = /* @__PURE__ */ new WeakMap<DuplexWire, DuplexRegistry>();

/** Returns the duplexes of a wire. They share one subscription to the wire. */
export function duplexesOf(wire: DuplexWire): DuplexRegistry {
  const registry = registries.get(wire) ?? createDuplexRegistry(wire);
  registries.set(wire, registry);
  return registry;
}

function createDuplexRegistry(wire: DuplexWire): DuplexRegistry {
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
      else if ('end' in part || ('bytes' in part && part.bytes.length > 0)) refuse(wire, type, part.duplex);
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
    add(type, end) {
      if (ends.has(type)) throw new TypeError(`wireDuplex: the wire has a duplex of the type "${type}" already; use a type for each`);
      ends.set(type, end);
      // It stays until the end of the wire: parts that arrive after the end of the last duplex are
      // refused.
      subscription ??= subscribe();
    },
    remove(type, end) {
      if (ends.get(type) === end) ends.delete(type);
    },
  };
}

function refuse(wire: DuplexWire, type: string, duplex: string): void {
  sendPart(wire, type, { duplex, refused: 'the other side has no such stream' });
}

/**
 * Sends a part that is not bytes.
 * @param isNotice Whether nothing is lost if it does not arrive:
 * the wire does not wait for its ack.
 */
export function sendPart(wire: DuplexWire, type: string, part: DuplexPart, isNotice = false): void {
  wire.next(isNotice ? createMessage<string, DuplexPart>(type, part, { delivery: 'at-most-once' }) : partMessage(wire, type, part));
}

/** Returns the message of a part. Streams need acks: a level without them is raised. */
export function partMessage({ delivery }: DuplexWire, type: string, part: DuplexPart): Message {
  return createMessage<string, DuplexPart>(type, part, delivery === 'at-most-once' ? { delivery: 'at-least-once' } : undefined);
}
