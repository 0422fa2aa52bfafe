import type { Subscription } from 'rxjs';
import { InDoubtError } from '../errors.js';
import { chain, forEachInOrder, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import { hole, lastOf, numbered, type Batch, type Level } from './batches.js';
import type { Durable } from './durable.js';
import { countOf, type Encode } from './encoding.js';
import type { Report } from './events.js';
import type { Flight } from './flight.js';
import { MAX_BATCH } from './frames.js';
import type { Keeper, MakeBatches } from './keeper.js';
import type { Ledger } from './ledger.js';
import type { SendQueue } from './sendQueue.js';
import type { OutboxContents, OutboxStore } from './store/outboxStore.js';
import { createStoring, type Wait } from './storing.js';

/** What it is given by its session. */
export interface SenderParts {
  readonly store: OutboxStore;
  readonly durability: Durable | undefined;
  readonly wait: Wait;
  /** Ends with the session. */
  readonly life: Subscription;
  /** The session cannot go on. */
  readonly fail: (error: unknown) => void;
}

export interface SenderOptions extends SenderParts {
  readonly report: Report;
  readonly queue: SendQueue;
  readonly flight: Flight;
  readonly ledger: Ledger;
  readonly encode: Encode;
}

/** Gives messages their numbers, and stores them with these; what comes during a write goes into the next. */
export interface Sender {
  /** There where a store keeps what is sent. */
  readonly keeper: Keeper | undefined;
  /** Whether nothing is being stored, or is to be. */
  readonly isIdle: () => boolean;
  /** Numbers what may be numbered now, and sends what may be sent. */
  pump(): void;
  /** Begins behind what is acked, with what a store had kept, once that is `read`. */
  begin(contents: OutboxContents, read: MakeBatches, done: () => void): void;
  /**
   * The other side has accepted all up to `rx`. Where it does not go on where we are, what it may have had is in doubt: that is given up
   * at exactly-once, and gets a new number at at-least-once.
   *
   * @param agreed `isKnown`: whether it has our numbers at all.
   * @param ready Called when all that is unacked is behind `rx`, and stored so.
   */
  readonly resume: (agreed: { readonly rx: number; readonly isKnown: boolean }, ready: () => void) => void;
  /** What is stored was written by a codec that the other side does not read: it is written anew when it is known where to begin. */
  readonly outdate: () => void;
}

export function createSender(options: SenderOptions): Sender {
  const { queue, flight, durability, wait } = options;
  let [last, isPumping, isStale] = [0, false, false];
  const storing = createStoring(wait, () => {
    keeper?.goOn();
    sender.pump();
  });
  const keeper = durability?.createKeeper(options, storing);
  const add = (batches: readonly Batch[]): void => {
    last = Math.max(last, ...batches.map(lastOf));
    batches.forEach(flight.add);
  };

  const sender: Sender = {
    keeper,
    isIdle: () => !storing.isBusy,
    pump() {
      if (isPumping) return;
      isPumping = true;
      while (!storing.isBusy && !queue.isEmpty()) {
        const free = room(last, options);
        if (free <= 0) break;
        const make = taken(free, last, options);
        storing.run(() => (keeper ? keeper.append(make) : make()), add);
      }
      isPumping = false;
      flight.flush();
    },
    begin({ acked, ticket }, read, done) {
      storing.run(read, (batches) => {
        last = Math.max(acked, ...batches.map(lastOf));
        // With a ticket, an owner before us may have sent it.
        flight.begin(acked, ticket ? last : acked, batches);
        done();
      });
    },
    outdate: () => void (isStale = true),
    resume({ rx, isKnown }, ready) {
      storing.whenIdle(() => {
        if ((isStale && flight.bytes > 0) || mustRestart(rx, isKnown, flight)) {
          last = rx;
          const others = flight.all();
          const make = renumbered(rx, options);
          storing.run(() => (keeper ? keeper.replace(rx, others, make) : make()), add);
        }
        isStale = false;
        storing.whenIdle(ready);
      });
    },
  };
  return sender;
}

/** Whether the other side does not go on where we are. */
function mustRestart(rx: number, isKnown: boolean, { acked, sent }: Flight): boolean {
  // A store that is behind its time (Web Storage lets another process wait for what was written) does not know all that was sent.
  return rx < acked || rx > sent || !(isKnown || sent === 0);
}

/** What outlives the process is numbered as soon as it comes; else numbers are for what can go out at once. */
function room(last: number, { flight, store }: SenderOptions): number {
  const free = flight.bytes < store.maxBytes ? store.maxMessages - (last - flight.acked) : 0;
  return Math.min(MAX_BATCH, free, store.isDurable ? free : flight.room(last));
}

function taken(free: number, last: number, { queue, encode }: SenderOptions): MakeBatches {
  const dropped = queue.takeDropped(free);
  if (dropped > 0) return () => [hole(last + 1, dropped)];
  const { messages, delivery } = queue.take(free);
  if (messages.length === 0) return () => [];
  return () => chain(encode(messages, last + 1), (encoded) => numbered(encoded, last + 1, delivery));
}

/** What can be sent again of all that is unacked, with numbers from `rx` on: encoded anew, as a body belongs to its numbers. */
function renumbered(rx: number, { flight, ledger, encode }: SenderOptions): MakeBatches {
  const { acked, sent } = flight;
  const again: { readonly messages: readonly Message[]; readonly delivery: Level }[] = [];
  for (const { first, messages, delivery } of flight.clear(rx)) {
    const unacked = messages.slice(Math.max(0, acked + 1 - first));
    if (delivery === 'exactly-once' && first <= sent) {
      for (const { id } of unacked) ledger.close(id, 'dead', { error: new InDoubtError(id) });
    } else if (unacked.length > 0) again.push({ messages: unacked, delivery });
  }
  const batches: Batch[] = [];
  let last = rx;
  const add = ({ messages, delivery }: (typeof again)[number]): MaybeAsync<void> =>
    chain(encode(messages, last + 1), (encoded) => {
      batches.push(...numbered(encoded, last + 1, delivery));
      last += countOf(encoded);
    });
  return () => chain(forEachInOrder(again, add), () => batches);
}
