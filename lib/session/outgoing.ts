import { asapScheduler, asyncScheduler, noop } from 'rxjs';
import type { BatchContext, Direction } from '../codec/codec.js';
import { createCoalescedTimer } from '../internal/coalescedTimer.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { createEncoder, type OnUnsendable } from './encoding.js';
import { createFlight, type Allowance, type Flight } from './flight.js';
import { createLedger, type Ledger } from './ledger.js';
import type { Negotiable } from './negotiable.js';
import type { EndpointOptions } from './options.js';
import type { MakeBatches } from './keeper.js';
import { createSender, type Sender, type SenderParts } from './sender.js';
import { createSendQueue } from './sendQueue.js';
import type { OutboxContents } from './store/outboxStore.js';
import { createUnsure } from './unsure.js';

/** All that one side sends: it waits, gets its number, flies, and is acked. */
export interface Outgoing {
  readonly ledger: Ledger;
  readonly flight: Flight;
  /** Whether nothing waits, and nothing is being stored. */
  readonly isIdle: () => boolean;
  readonly accept: (message: Message) => void;
  /** Takes over what a store had kept; calls back when it is read. */
  begin(contents: OutboxContents, ready: () => void): void;
  /** Finds out what is to be sent behind `rx`; see {@link Sender.resume}. */
  readonly resume: Sender['resume'];
  readonly outdate: Sender['outdate'];
  /** There is a connection, and the other side has accepted all up to `rx`. */
  attach(transmit: (frame: Frame) => void, rx: number, allowance: Allowance): void;
  detach(): void;
  /** The session ends: what is not done is dropped, except for what a store has kept, for whoever opens it next. */
  readonly abandon: () => void;
  /** @throws {ProtocolError} When `done` was never sent. */
  acknowledge(done: number, credit: number): void;
}

export interface OutgoingParts extends SenderParts {
  readonly codec: Negotiable;
  /** Which way what is sent goes. */
  readonly sends: Direction;
  /** Names the client's outbox, once that is known. */
  readonly pid: () => string;
}

export function createOutgoing(parts: OutgoingParts, options: EndpointOptions): Outgoing {
  const { microtask = asapScheduler, report = noop } = options;
  const { codec, durability } = parts;
  const { ledger, queue, flight, unsure, sender, contextOf } = createSending(parts, options);
  let isReady = false;

  const pump = (): void => {
    if (!isReady) return;
    unsure.pump();
    sender.pump();
  };
  const turn = createCoalescedTimer(microtask, pump);

  return {
    ...{ ledger, flight, resume: sender.resume, outdate: sender.outdate },
    isIdle: () => ledger.size === 0 && queue.isEmpty() && sender.isIdle(),
    accept(message) {
      if (!ledger.open(message)) return;
      queue.push(message);
      turn.set(0);
    },
    begin(contents, ready) {
      const kept: MakeBatches = () => durability?.restored(contents, { codec, contextOf, report, open: ledger.open }) ?? [];
      sender.begin(contents, kept, () => {
        isReady = true;
        pump();
        ready();
      });
    },
    attach(transmit, rx, allowance) {
      unsure.attach(transmit);
      flight.attach(transmit, rx, allowance);
      pump();
    },
    detach() {
      unsure.attach(undefined);
      flight.detach();
    },
    abandon: () => ledger.abandon(sender.keeper?.kept()),
    acknowledge(done, credit) {
      const latency = flight.acknowledge(done, credit);
      if (latency !== undefined) {
        report({ kind: 'latency', latency });
        sender.keeper?.trim(flight.acked);
      }
      pump();
    },
  };
}

/** What a frame holds besides its body. */
const HEADER_ROOM = 64;

function createSending(given: OutgoingParts, options: EndpointOptions) {
  const { codec, sends: direction, pid } = given;
  const { delivery = 'at-least-once', maxFrame = 1024 * 1024, maxQueued = 10_000, overflow = 'drop-lowest' } = options;
  const { scheduler = asyncScheduler, report = noop, isWatched = () => true, onDead = noop } = options;
  const ledger = createLedger({ report, isWatched, onDead });
  const queue = createSendQueue({ delivery, maxQueued, overflow, scheduler, ledger });
  const flight = createFlight(ledger, scheduler);
  report({ kind: 'begun', isOpen: ledger.isOpen, isSent: flight.isSent });
  const contextOf = (first: number, count: number): BatchContext => ({ direction, pid: pid(), first, count });
  const onUnsendable: OnUnsendable = ({ id }, error) => ledger.close(id, 'dead', { error });
  const encode = createEncoder(codec, { maxSize: maxFrame - HEADER_ROOM, onUnsendable, contextOf });
  const parts = { ...given, report, queue, flight, ledger, encode };
  return { ledger, flight, queue, contextOf, unsure: createUnsure(parts), sender: createSender(parts) };
}
