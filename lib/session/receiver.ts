import { ConnectionLostError } from '../errors.js';
import { GAP } from '../link/closeCode.js';
import type { Message } from '../message/types.js';
import type { Outcome } from './claims.js';
import { createHolding, type HoldingOptions } from './holding.js';
import { createProgress, type Progress } from './progress.js';
import type { Cursor } from './store/inbox.js';

/** Called when a message is processed. */
export type Settle = (outcomes: readonly Outcome[]) => void;

export interface ReceiverOptions extends HoldingOptions {
  /** Hands a message over; `settle` is for those that have a number. */
  readonly hand: (message: Message, settle: Settle) => void;
  /** Called when that many messages were given up by the other side. */
  readonly onMissed: (count: number) => void;
  /** Called with each number that is processed. It is done once it is marked in `progress`. */
  readonly onSettled: (number: number, outcomes: readonly Outcome[], progress: Progress) => void;
}

/** The other side's messages: each number once, in order. docs/protocol.md, "Receiver". */
export interface Receiver {
  /** All up to here is accepted. */
  readonly rx: number;
  readonly progress: Progress;
  /** Whether all that was accepted is processed, and nothing is known of what is to come. */
  readonly isIdle: () => boolean;
  /**
   * Takes a batch of so many bytes; what of it was accepted before is dropped.
   *
   * @throws {ConnectionLostError} When something before it is missing.
   * @throws {ProtocolError} When it is more than was allowed.
   */
  accept(first: number, messages: readonly Message[], size: number): void;
  /**
   * Takes it that these numbers will not come.
   *
   * @throws {ProtocolError} When one is more than was allowed.
   */
  skip(numbers: readonly number[]): void;
  /** @throws {ConnectionLostError} When that many were sent, and have not come. */
  expect(sent: number): void;
  /** Begins where the cursor is: by default, before the first message of this sender. */
  begin(pid: string, cursor?: Cursor): void;
}

export function createReceiver({ hand, onSettled, onMissed, ...limits }: ReceiverOptions): Receiver {
  let rx = 0;
  let progress = createProgress('');
  let skipped = new Set<number>();
  let holding = createHolding(limits);

  /** Takes the next number. What is skipped has no message; what has had its effect has none now. */
  const take = (message?: Message): void => {
    const [number, mine] = [++rx, progress];
    if (!message) onSettled(number, [], mine);
    else if (!mine.has(number)) hand(message, (outcomes) => onSettled(number, outcomes, mine));
  };
  /** What was finished out of order before a restart need not come again, once all before it is done. */
  const accepted = (): number => {
    while (rx < progress.done) skipped.delete(++rx);
    return rx;
  };
  const takeSkipped = (): void => {
    const before = rx;
    while (skipped.delete(rx + 1)) take();
    if (rx > before) onMissed(rx - before);
  };

  return {
    get rx() {
      return accepted();
    },
    get progress() {
      return progress;
    },
    isIdle: () => accepted() === progress.done && skipped.size === 0,
    accept(first, messages, size) {
      if (first > accepted() + 1) throw new ConnectionLostError(GAP, `${rx + 1} to ${first - 1} are missing`);
      holding.take(first, messages.length, size, progress.done);
      takeSkipped();
      for (let index = rx + 1 - first; index < messages.length; index = rx + 1 - first) {
        take(messages[index]);
        takeSkipped();
      }
    },
    skip(numbers) {
      holding.check(numbers, progress.done);
      for (const number of numbers) if (number > accepted()) skipped.add(number);
      takeSkipped();
    },
    expect(sent) {
      if (sent > accepted()) throw new ConnectionLostError(GAP, `${rx + 1} to ${sent} are missing`);
    },
    begin(pid, cursor) {
      [progress, holding, skipped] = [createProgress(pid, cursor), createHolding(limits), new Set()];
      rx = progress.done;
    },
  };
}
