import { asapScheduler, asyncScheduler, noop } from 'rxjs';
import type { Codec } from '../codec/codec.js';
import { StoreError } from '../errors.js';
import { createAlarm } from '../internal/alarm.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { restored, type Batch } from './batches.js';
import { createEncoder } from './encoding.js';
import { createFlight, type Allowance, type Flight } from './flight.js';
import { createLedger, type Ledger } from './ledger.js';
import type { EndpointOptions } from './options.js';
import { createSender, type Sender } from './sender.js';
import { createSendQueue } from './sendQueue.js';
import type { OutboxContents, OutboxStore } from './store/outboxStore.js';
import type { Wait } from './storing.js';
import { sendUnsure } from './unsure.js';

/** All that one side sends: it waits, gets its number, flies, and is acked. */
export interface Outgoing {
  readonly ledger: Ledger;
  readonly flight: Flight;
  readonly accept: (message: Message) => void;
  /** Takes over what a store had kept. */
  begin(contents: OutboxContents): void;
  /** Finds out what is to be sent behind `rx`; see {@link Sender.resume}. */
  readonly resume: Sender['resume'];
  /** The store has lost what it had. */
  readonly storeAgain: () => void;
  /** There is a connection, and the other side has accepted all up to `rx`. */
  attach(transmit: (frame: Frame) => void, rx: number, allowance: Allowance): void;
  detach(): void;
  /** The session ends: what is not done is dropped, except for what a store has kept, for whoever opens it next. */
  readonly abandon: () => void;
  /** @throws {ProtocolError} When `done` was never sent. */
  acknowledge(done: number, credit: number): void;
}

export interface OutgoingParts {
  readonly codec: Codec;
  readonly store: OutboxStore;
  readonly wait: Wait;
}

export function createOutgoing(parts: OutgoingParts, options: EndpointOptions): Outgoing {
  const { microtask = asapScheduler, report = noop } = options;
  const { codec, store, wait } = parts;
  const complain = (error: unknown): void => report({ kind: 'error', error });
  const sending = createSending(parts, options);
  const { ledger, queue, flight, sender } = sending;
  let send: ((frame: Frame) => void) | undefined;
  let isReady = false;

  const pump = (): void => {
    if (!isReady) return;
    if (send) sendUnsure(send, sending);
    sender.pump();
  };
  const turn = createAlarm(microtask, pump);

  return {
    ledger,
    flight,
    accept(message) {
      if (!ledger.open(message)) return;
      queue.push(message);
      turn.set(0);
    },
    begin(contents) {
      const kept = restored(contents, codec, (cause) => complain(new StoreError('outbox', 'corrupt', cause)));
      // Of the first batch some may be acked.
      for (const { first, messages } of kept) messages.slice(Math.max(0, contents.acked + 1 - first)).forEach(ledger.open);
      sender.begin(contents.acked, kept, contents.ticket !== undefined);
      isReady = true;
      pump();
    },
    ...{ resume: sender.resume, storeAgain: sender.storeAgain },
    attach(transmit, rx, allowance) {
      send = transmit;
      flight.attach(transmit, rx, allowance);
      pump();
    },
    detach() {
      send = undefined;
      flight.detach();
    },
    abandon: () => ledger.abandon(new Set(store.isDurable ? idsOf([...flight.all(), ...sender.writing]) : [])),
    acknowledge(done, credit) {
      const latency = flight.acknowledge(done, credit);
      if (latency !== undefined) {
        report({ kind: 'latency', latency });
        wait(() => store.trim(flight.acked), noop, complain);
      }
      pump();
    },
  };
}

function idsOf(batches: readonly Batch[]): readonly string[] {
  return batches.flatMap(({ messages }) => messages.map(({ id }) => id));
}

/** What a frame holds besides its body. */
const HEADER_ROOM = 64;

function createSending({ codec, store, wait }: OutgoingParts, options: EndpointOptions) {
  const { delivery = 'at-least-once', maxFrame = 1024 * 1024, maxQueued = 10_000, overflow = 'drop-lowest' } = options;
  const { scheduler = asyncScheduler, report = noop, isWatched = () => true, onDead = noop } = options;
  const ledger = createLedger({ report, isWatched, onDead });
  const queue = createSendQueue({ delivery, maxQueued, overflow, scheduler, ledger });
  const flight = createFlight(ledger, scheduler);
  report({ kind: 'begun', isOpen: ledger.isOpen, isSent: flight.isSent });
  const encode = createEncoder(codec, maxFrame - HEADER_ROOM, ({ id }, error) => ledger.close(id, 'dead', { error }));
  return { ledger, queue, flight, encode, sender: createSender({ queue, flight, ledger, store, encode, wait }) };
}
