import { noop } from 'rxjs';
import { InDoubtError } from '../errors.js';
import type { Message } from '../message/types.js';
import { hole, lastOf, numbered, type Batch } from './batches.js';
import type { Encoded } from './encoding.js';
import { MAX_BATCH } from './frames.js';
import { createKeeping, type Keeping, type KeepingOptions, type Taken } from './keeping.js';
import type { SendQueue } from './sendQueue.js';
import { createStoring, type Wait } from './storing.js';

export interface SenderOptions extends KeepingOptions {
  readonly queue: SendQueue;
  /** Makes frames of messages, as few as the limits allow. Those that cannot be sent are told, and left out. */
  readonly encode: (messages: readonly Message[]) => readonly Encoded[];
  readonly wait: Wait;
}

/** Gives messages their numbers, and stores them with these; what comes during a write goes into the next. */
export interface Sender extends Pick<Keeping, 'writing'> {
  /** Numbers what may be numbered now, and sends what may be sent. */
  pump(): void;
  /** Begins behind `acked`, with what a store had kept. `mayBeSent`: an owner before us may have sent it. */
  begin(acked: number, batches: readonly Batch[], mayBeSent: boolean): void;
  /**
   * The other side has accepted all up to `rx`. Where it does not go on where we are, what it may have had is in doubt: that is given up
   * at exactly-once, and gets a new number at at-least-once.
   *
   * @param isKnown Whether it has our numbers at all.
   * @param ready Called when all that is unacked is behind `rx`, and stored so.
   */
  readonly resume: (rx: number, isKnown: boolean, ready: () => void) => void;
  /** Stores once more all that is unacked. */
  readonly storeAgain: () => void;
}

export function createSender(options: SenderOptions): Sender {
  const { queue, flight, store, wait } = options;
  let last = 0;
  let isPumping = false;
  let isLost = false;
  const storing = createStoring(wait, () => {
    if (isLost) sender.storeAgain();
    sender.pump();
  });
  const keeping = createKeeping(options, storing, (batches) => (last = Math.max(last, ...batches.map(lastOf))));

  const number = (free: number): void => {
    const batches = taken(free, last, keeping.refused.shift(), options);
    if (batches.length > 0) keeping.append(batches);
  };
  const restart = (rx: number): void => {
    const batches = renumbered(rx, options);
    last = rx;
    keeping.replace(rx, batches);
  };

  const sender: Sender = {
    get writing() {
      return keeping.writing;
    },
    pump() {
      if (isPumping) return;
      isPumping = true;
      const isEmpty = (): boolean => queue.isEmpty && keeping.refused.length === 0;
      for (let free = room(last, options); !storing.isBusy && free > 0 && !isEmpty(); free = room(last, options)) number(free);
      isPumping = false;
      flight.flush();
    },
    begin(acked, batches, mayBeSent) {
      last = Math.max(acked, ...batches.map(lastOf));
      flight.begin(acked, mayBeSent ? last : acked, batches);
    },
    storeAgain() {
      isLost = storing.isBusy;
      // All of it is in memory, too: when this fails as well, only a crash would lose it.
      if (!isLost) storing.run(() => store.replace(flight.acked, flight.all()), noop, noop);
    },
    resume(rx, isKnown, ready) {
      storing.whenIdle(() => {
        // A store that is behind its time (Web Storage lets another process wait for what was written) does not know all that was sent.
        const isBehind = rx > flight.sent;
        if (rx < flight.acked || isBehind || !(isKnown || flight.sent === 0)) restart(rx);
        storing.whenIdle(ready);
      });
    },
  };
  return sender;
}

/** What outlives the process is numbered as soon as it comes; else numbers are for what can go out at once. */
function room(last: number, { flight, store }: SenderOptions): number {
  const free = flight.bytes < store.maxBytes ? store.maxMessages - (last - flight.acked) : 0;
  return Math.min(MAX_BATCH, free, store.isDurable ? free : flight.room(last));
}

function taken(free: number, last: number, refused: Taken | undefined, { queue, encode }: SenderOptions): readonly Batch[] {
  const dropped = refused ? 0 : queue.takeDropped(free);
  if (dropped > 0) return [hole(last + 1, dropped)];
  const { messages, delivery } = refused ?? queue.take(free);
  return messages.length > 0 ? numbered(encode(messages), last + 1, delivery) : [];
}

/** What can be sent again of all that is unacked, with numbers from `rx` on. */
function renumbered(rx: number, { flight, ledger, encode }: SenderOptions): readonly Batch[] {
  const { acked, sent } = flight;
  let next = rx + 1;
  return flight.clear(rx).flatMap(({ first, messages, delivery }) => {
    const unacked = messages.slice(Math.max(0, acked + 1 - first));
    if (delivery === 'exactly-once' && first <= sent) {
      for (const { id } of unacked) ledger.close(id, 'dead', { error: new InDoubtError(id) });
      return [];
    }
    const batches = numbered(unacked.length > 0 ? encode(unacked) : [], next, delivery);
    next += batches.reduce((sum, { count }) => sum + count, 0);
    return batches;
  });
}
