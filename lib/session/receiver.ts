import { ConnectionLostError, ProtocolError } from '../errors.js';
import { GAP } from '../link/closeCode.js';
import type { Message } from '../message/types.js';
import type { Outcome } from './claims.js';
import { createProgress, type Progress } from './progress.js';
import { MAX_BATCH } from './frames.js';
import type { Cursor } from './store/inbox.js';

/** Called when a message is processed. */
export type Settle = (outcomes: readonly Outcome[]) => void;

export interface ReceiverOptions {
  /** Messages that may be accepted and not processed. */
  readonly window: number;
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
  /**
   * Takes a batch; what of it was accepted before is dropped.
   *
   * @throws {ConnectionLostError} When something before it is missing.
   * @throws {ProtocolError} When it is more than was allowed.
   */
  accept(first: number, messages: readonly Message[]): void;
  /** Takes it that these numbers will not come. */
  skip(numbers: readonly number[]): void;
  /** @throws {ConnectionLostError} When that many were sent, and have not come. */
  expect(sent: number): void;
  /** Begins where the cursor is: by default, before the first message of this sender. */
  begin(pid: string, cursor?: Cursor): void;
}

export function createReceiver({ window, hand, onSettled, onMissed }: ReceiverOptions): Receiver {
  let rx = 0;
  let progress = createProgress('');
  const skipped = new Set<number>();

  /** Takes the next number. What is skipped has no message; what has had its effect has none now. */
  const take = (message?: Message): void => {
    const [number, mine] = [++rx, progress];
    skipped.delete(number);
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
    while (skipped.has(rx + 1)) take();
    if (rx > before) onMissed(rx - before);
  };

  return {
    get rx() {
      return accepted();
    },
    get progress() {
      return progress;
    },
    accept(first, messages) {
      if (first > accepted() + 1) throw new ConnectionLostError(GAP, `${rx + 1} to ${first - 1} are missing`);
      if (first + messages.length > progress.done + window + 1 && first > progress.done + 1)
        throw new ProtocolError('more than the window');
      takeSkipped();
      for (let index = rx + 1 - first; index < messages.length; index = rx + 1 - first) {
        take(messages[index]);
        takeSkipped();
      }
    },
    skip(numbers) {
      // A batch that is larger than the window may come, alone: so may the numbers of all of it.
      const reach = Math.max(window, MAX_BATCH);
      for (const number of numbers) if (number > accepted() && number <= rx + reach) skipped.add(number);
      takeSkipped();
    },
    expect(sent) {
      if (sent > accepted()) throw new ConnectionLostError(GAP, `${rx + 1} to ${sent} are missing`);
    },
    begin(pid, cursor) {
      progress = createProgress(pid, cursor);
      rx = progress.done;
      skipped.clear();
    },
  };
}
