import { noop } from 'rxjs';
import { InDoubtError } from '../errors.js';
import { chain, inTurn, type Later } from '../internal/later.js';
import { hole, lastOf, numbered, type Batch } from './batches.js';
import { countOf, type Encode } from './encoding.js';
import type { Flight } from './flight.js';
import { MAX_BATCH } from './frames.js';
import { createKeeping, type KeepingOptions, type MakeBatches, type Taken } from './keeping.js';
import type { SendQueue } from './sendQueue.js';
import { createStoring, type Wait } from './storing.js';

export interface SenderOptions extends KeepingOptions {
  readonly queue: SendQueue;
  readonly encode: Encode;
  readonly wait: Wait;
}

/** Gives messages their numbers, and stores them with these; what comes during a write goes into the next. */
export interface Sender {
  /** What is being written just now, or what is still stored while it is encoded anew. */
  readonly writing: () => readonly Batch[];
  /** Whether nothing is being stored, or is to be. */
  readonly isIdle: () => boolean;
  /** Numbers what may be numbered now, and sends what may be sent. */
  pump(): void;
  /** Begins behind `acked`, with what a store had kept, once that is `read`. `mayBeSent`: an owner before us may have sent it. */
  begin(acked: number, read: MakeBatches, mayBeSent: boolean, done: (batches: readonly Batch[]) => void): void;
  /**
   * The other side has accepted all up to `rx`. Where it does not go on where we are, what it may have had is in doubt: that is given up
   * at exactly-once, and gets a new number at at-least-once.
   *
   * @param isKnown Whether it has our numbers at all.
   * @param ready Called when all that is unacked is behind `rx`, and stored so.
   */
  readonly resume: (rx: number, isKnown: boolean, ready: () => void) => void;
  /** What is stored was written by a codec that the other side does not read: it is written anew when it is known where to begin. */
  readonly outdate: () => void;
  /** Stores once more all that is unacked. */
  readonly storeAgain: () => void;
}

export function createSender(options: SenderOptions): Sender {
  const { queue, flight, store, wait } = options;
  let last = 0;
  let [isPumping, isLost, isStale] = [false, false, false];
  const storing = createStoring(wait, () => {
    if (isLost) sender.storeAgain();
    sender.pump();
  });
  const keeping = createKeeping(options, storing, (batches) => (last = Math.max(last, ...batches.map(lastOf))));

  const restart = (rx: number): void => {
    last = rx;
    keeping.replace(rx, flight.all(), renumbered(rx, options));
  };

  const sender: Sender = {
    writing: () => keeping.writing,
    isIdle: () => !storing.isBusy && keeping.refused.length === 0,
    pump() {
      if (isPumping) return;
      isPumping = true;
      while (!storing.isBusy && (!queue.isEmpty() || keeping.refused.length > 0)) {
        const free = room(last, options);
        if (free <= 0) break;
        keeping.append(taken(free, last, keeping.refused.shift(), options));
      }
      isPumping = false;
      flight.flush();
    },
    begin(acked, read, mayBeSent, done) {
      const begun = (batches: readonly Batch[]): void => {
        last = Math.max(acked, ...batches.map(lastOf));
        flight.begin(acked, mayBeSent ? last : acked, batches);
        done(batches);
      };
      storing.run(read, begun, noop);
    },
    storeAgain() {
      isLost = storing.isBusy;
      // All of it is in memory, too: when this fails as well, only a crash would lose it.
      if (!isLost) storing.run(() => store.replace(flight.acked, flight.all()), noop, noop);
    },
    outdate: () => void (isStale = true),
    resume(rx, isKnown, ready) {
      storing.whenIdle(() => {
        if ((isStale && flight.bytes > 0) || mustRestart(rx, isKnown, flight)) restart(rx);
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

function taken(free: number, last: number, refused: Taken | undefined, { queue, encode }: SenderOptions): MakeBatches {
  const dropped = refused ? 0 : queue.takeDropped(free);
  if (dropped > 0) return () => [hole(last + 1, dropped)];
  const { messages, delivery } = refused ?? queue.take(free);
  if (messages.length === 0) return () => [];
  return () => chain(encode(messages, last + 1), (encoded) => numbered(encoded, last + 1, delivery));
}

/** What can be sent again of all that is unacked, with numbers from `rx` on: encoded anew, as a body belongs to its numbers. */
function renumbered(rx: number, { flight, ledger, encode }: SenderOptions): MakeBatches {
  const { acked, sent } = flight;
  const again: Taken[] = [];
  for (const { first, messages, delivery } of flight.clear(rx)) {
    const unacked = messages.slice(Math.max(0, acked + 1 - first));
    if (delivery === 'exactly-once' && first <= sent) {
      for (const { id } of unacked) ledger.close(id, 'dead', { error: new InDoubtError(id) });
    } else if (unacked.length > 0) again.push({ messages: unacked, delivery });
  }
  const batches: Batch[] = [];
  let last = rx;
  const add = ({ messages, delivery }: Taken): Later<void> =>
    chain(encode(messages, last + 1), (encoded) => {
      batches.push(...numbered(encoded, last + 1, delivery));
      last += countOf(encoded);
    });
  return () => chain(inTurn(again, add), () => batches);
}
