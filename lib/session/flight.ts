import type { SchedulerLike } from 'rxjs';
import { ProtocolError } from '../errors.js';
import { createRing, type Ring } from '../internal/ring.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { framesOf, lastOf, type Batch } from './batches.js';
import type { Ledger } from './ledger.js';

/** What the other side allows to be on its way, unacked. */
export interface Allowance {
  /** Messages. */
  readonly window: number;
  /** Bytes of frames. */
  readonly bytes: number;
}

/** Batches that have their numbers and are stored, until they are acked; over one connection after the other. */
export interface Flight {
  /** All up to here is acked. */
  readonly acked: number;
  /** The highest number that was sent, over any connection. */
  readonly sent: number;
  /** The highest number that was sent over this connection, or accepted before. */
  readonly tail: number;
  /** The highest number that may be sent. */
  readonly limit: number;
  /** Bytes of frames that may be on their way. */
  readonly bytesAllowed: number;
  /** Whether the other side may still be busy with what we have given up, and has no room before it says that it is not. */
  readonly isBusy: boolean;
  /** Bytes of all batches. */
  readonly bytes: number;
  /** Begins behind `acked`, with these, of which those up to `sent` may have been sent before. */
  begin(acked: number, sent: number, batches: readonly Batch[]): void;
  readonly add: (batch: Batch) => void;
  /** How many messages may get a number to be sent at once, when `last` is the highest that was given. */
  room(last: number): number;
  /** There is a connection: what the other side has not accepted goes out (again), in order. */
  attach(transmit: (frame: Frame) => void, rx: number, allowance: Allowance): void;
  detach(): void;
  /** Sends what the other side allows. */
  flush(): void;
  /**
   * All up to `done` is processed. Answers how long that took, in ms, if it is news.
   *
   * @throws {ProtocolError} When `done` was never sent.
   */
  acknowledge(done: number, credit: number): number | undefined;
  /** Whether something is on its way, and nothing was acked since the last call. */
  readonly isStuck: () => boolean;
  /** Whether it is among the batches that were sent. */
  readonly isSent: (id: string) => boolean;
  /** All batches, in order. */
  all(): readonly Batch[];
  /** Takes all batches out; numbers up to `acked` are done. */
  clear(acked: number): readonly Batch[];
}

interface State {
  /** Sent over this connection, or accepted before. */
  flying: Ring<Batch>;
  /** Not sent over it yet. */
  waiting: Ring<Batch>;
  transmit: ((frame: Frame) => void) | undefined;
  acked: number;
  sent: number;
  tail: number;
  /** The highest number that may be sent. */
  limit: number;
  bytes: number;
  bytesFlying: number;
  bytesAllowed: number;
  /** Whether the other side may still be busy with what we have given up, and has no room before it says that it is not. */
  isBusy: boolean;
}

export function createFlight(ledger: Ledger, scheduler: SchedulerLike): Flight {
  /** What was acked when {@link Flight.isStuck} looked. */
  let looked = 0;

  const state: State & Flight = {
    ...nothing(),
    ...{ transmit: undefined, acked: 0, sent: 0, tail: 0, limit: 0, bytesAllowed: 0, isBusy: false },
    begin(acked, sent, batches) {
      Object.assign(state, nothing(), { acked, sent });
      // Who has sent them before had another clock.
      for (const batch of batches) put(state, Object.assign(batch, { sentAt: scheduler.now() }), acked);
    },
    add: (batch) => put(state, batch, state.acked),
    room: (last) => (state.transmit && !state.isBusy && state.bytesFlying < state.bytesAllowed ? state.limit - last : 0),
    attach(transmit, rx, { window, bytes }) {
      const batches = all(state);
      Object.assign(state, nothing(), { transmit, tail: rx, limit: state.acked + window, bytesAllowed: bytes });
      for (const batch of batches) put(state, batch, rx);
    },
    detach: () => (state.transmit = undefined),
    flush() {
      const { transmit } = state;
      for (let batch = transmit && next(state); transmit && batch; batch = next(state)) launch(batch, transmit, ledger, scheduler.now());
    },
    acknowledge: (done, credit) => acknowledge(done, credit, state, ledger, scheduler.now()),
    isStuck() {
      const before = looked;
      looked = state.acked;
      return (state.sent > looked || state.isBusy) && looked === before;
    },
    isSent: (id) => all(state).some(({ first, messages }) => first <= state.sent && messages.some((message) => message.id === id)),
    all: () => all(state),
    clear(acked) {
      const batches = all(state);
      Object.assign(state, nothing(), { acked, sent: acked, isBusy: acked > 0 });
      return batches;
    },
  };
  return state;
}

const nothing = () => ({ flying: createRing<Batch>(), waiting: createRing<Batch>(), bytes: 0, bytesFlying: 0 });

/** What was accepted is not sent again; that it is acked is still to come. */
function put(state: State, batch: Batch, rx: number): void {
  const { length } = batch.frame;
  const isAccepted = lastOf(batch) <= rx;
  (isAccepted ? state.flying : state.waiting).push(batch);
  state.bytes += length;
  if (isAccepted) state.bytesFlying += length;
}

function all({ flying, waiting }: State): readonly Batch[] {
  return [...flying.values(), ...waiting.values()];
}

/** Takes the next batch to send, if it may be. One that alone is larger than the window goes when nothing else is on its way. */
function next(state: State): Batch | undefined {
  const batch = state.waiting.peek();
  if (!batch || state.isBusy) return undefined;
  const bytesFlying = state.bytesFlying + batch.frame.length;
  if (state.flying.size > 0 && (lastOf(batch) > state.limit || bytesFlying > state.bytesAllowed)) return undefined;
  state.waiting.shift();
  state.flying.push(batch);
  state.bytesFlying = bytesFlying;
  state.tail = lastOf(batch);
  state.sent = Math.max(state.sent, state.tail);
  return batch;
}

function launch(batch: Batch, transmit: (frame: Frame) => void, ledger: Ledger, now: number): void {
  batch.sentAt = now;
  for (const { id } of batch.messages) ledger.note(id, 'sent');
  for (const frame of framesOf(batch, now, (id) => ledger.drop(id, 'expired'))) transmit(frame);
}

function acknowledge(done: number, credit: number, state: State, ledger: Ledger, now: number): number | undefined {
  if (done > state.sent) throw new ProtocolError('an ack of what was never sent');
  const latency = settleUpTo(done, state, ledger, now);
  state.isBusy &&= done < state.acked;
  state.acked = Math.max(state.acked, done);
  state.limit = state.acked + credit;
  return latency;
}

function settleUpTo(done: number, state: State, ledger: Ledger, now: number): number | undefined {
  let latency: number | undefined;
  for (let batch = oldest(state); batch && batch.first <= done; batch = oldest(state)) {
    const { first, messages, sentAt } = batch;
    const end = Math.min(messages.length, done + 1 - first);
    latency = now - sentAt;
    const details = { latency };
    for (let index = Math.max(0, state.acked + 1 - first); index < end; index++)
      ledger.close((messages[index] as Message).id, 'acked', details);
    if (lastOf(batch) > done) break;
    remove(batch, state);
  }
  return latency;
}

/** It waits, and does not fly, when it was sent by an owner before us, and its ack comes before we may send. */
function oldest({ flying, waiting }: State): Batch | undefined {
  return flying.peek() ?? waiting.peek();
}

function remove({ frame: { length } }: Batch, state: State): void {
  const hasFlown = state.flying.shift() !== undefined;
  if (hasFlown) state.bytesFlying -= length;
  else state.waiting.shift();
  state.bytes -= length;
}
