import { byteLength } from '../../internal/byteLength.js';
import { chain, forEachInOrder, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Encode, Encoded } from '../encoding.js';
import type { LimitedTarget } from './encodingTarget.js';
import { hole, lastOf, numbered, type Batch, type InFlight, type MakeBatches } from './inFlight.js';
import type { PendingMessages } from './pendingMessages.js';

export interface RefitOptions {
  readonly inFlight: InFlight;
  readonly pending: PendingMessages;
  readonly encode: Encode;
  readonly target: LimitedTarget;
}

/** Bytes that a frame gains by the ack that it carries. */
const ACK_ROOM = 48;

/**
 * Returns a function that encodes batches anew that exceed the limits of the other side, and keeps
 * the numbers of their messages. A message that alone exceeds the limits is given up, and its
 * number is skipped. The function returns undefined if no batch exceeds the limits.
 *
 * @param mustSplit Returns whether each message of a batch must have a frame of its own.
 */
export function createRefit(
  { inFlight, pending, encode, target }: RefitOptions,
  mustSplit: (batch: Batch) => boolean,
): (rx: number) => MakeBatches | undefined {
  /** The limits of the codec within which all batches are encoded. */
  let known: string | undefined;

  const isTooLarge = ({ frame }: Batch): boolean => {
    const { maxFrame = Infinity } = target.limits ?? {};
    return frame.length * 3 + ACK_ROOM > maxFrame && byteLength(frame) + ACK_ROOM > maxFrame;
  };
  const isOpen = ({ id }: Message): boolean => pending.byId.has(id);
  /** Encodes messages with consecutive numbers from `first` on. */
  const fit = (batch: Batch, messages: readonly Message[], first: number): MaybeAsync<readonly Batch[]> =>
    chain(encode(messages, first, true), (encoded) => {
      // The bytes of a batch stay where that is possible.
      if (encoded[0]?.messages.length === batch.count && !isTooLarge(batch)) return [batch];
      return withHoles(encoded, first, messages.length, batch);
    });
  const refitted = (batch: Batch, rx: number): MaybeAsync<readonly Batch[]> => {
    const { first, messages } = batch;
    const accepted = Math.max(0, rx + 1 - first);
    const parts: Batch[] = [];
    // The other side has accepted these messages. They are not sent again, and their ack is still
    // to come.
    if (accepted > 0) parts.push({ ...hole(first, accepted), messages: messages.slice(0, accepted), delivery: batch.delivery });
    const runs = runsOf(messages.slice(accepted), mustSplit(batch), isOpen);
    const add = ({ at, run }: Run): MaybeAsync<void> =>
      chain(run ? fit(batch, run, first + accepted + at) : [hole(first + accepted + at, 1)], (made) => void parts.push(...made));
    return chain(forEachInOrder(runs, add), () => parts);
  };

  return (rx) => {
    const limits = JSON.stringify(target.limits);
    const isUnchecked = limits !== known && target.isLimited();
    known = limits;
    const isGivenUp = ({ messages }: Batch): boolean => messages.length > 0 && !messages.some(isOpen);
    const isWrong = (batch: Batch): boolean =>
      lastOf(batch) > rx && batch.messages.length > 0 && (isUnchecked || isTooLarge(batch) || mustSplit(batch) || isGivenUp(batch));
    const batches = inFlight.all();
    if (!batches.some(isWrong)) return undefined;
    const made: Batch[] = [];
    const add = (batch: Batch): MaybeAsync<void> =>
      chain(isWrong(batch) ? refitted(batch, rx) : [batch], (parts) => void made.push(...parts));
    return () => chain(forEachInOrder(batches, add), () => made);
  };
}

/** Messages that are encoded together, or one that was given up. */
interface Run {
  /** The index of the first message. */
  readonly at: number;
  readonly run: readonly Message[] | undefined;
}

function runsOf(messages: readonly Message[], isSplit: boolean, isOpen: (message: Message) => boolean): readonly Run[] {
  const runs: { at: number; run: Message[] | undefined }[] = [];
  messages.forEach((message, at) => {
    const current = runs.at(-1)?.run;
    if (!isOpen(message)) runs.push({ at, run: undefined });
    else if (current && !isSplit) current.push(message);
    else runs.push({ at, run: [message] });
  });
  return runs;
}

/**
 * Returns batches for `count` numbers from `first` on: the numbers of messages that were not
 * encoded are skipped.
 */
function withHoles(encoded: readonly Encoded[], first: number, count: number, { delivery }: Batch): readonly Batch[] {
  const parts: Batch[] = [];
  let next = first;
  const skipTo = (number: number): void => {
    if (number > next) parts.push(hole(next, number - next));
    next = number;
  };
  for (const one of encoded) {
    skipTo(one.first);
    parts.push(...numbered([one], delivery));
    next += one.messages.length;
  }
  skipTo(first + count);
  return parts;
}
