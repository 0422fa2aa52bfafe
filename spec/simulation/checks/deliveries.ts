import type { RxwireError } from '../../../lib/index.js';
import type { Receipt } from '../../../lib/message/receipt.js';
import { isDone, type Entry, type Journal, type Sender } from '../journal.js';
import { other, type Side } from '../network.js';
import type { Plan, SidePlan } from '../plan.js';
import type { Sendable } from '../sendable.js';
import type { Violate } from './violation.js';

/** A receiver, for as long as it remembers what it had. */
export interface Memory {
  readonly side: Side;
}

/** When receivers last may have forgotten what they had. */
export interface Forgetting {
  readonly lastBy: Record<Side, number>;
}

export interface DeliveryOptions {
  readonly journal: Journal;
  readonly plan: Plan;
  readonly now: () => number;
  readonly forgetting: Forgetting;
  readonly sendable: Pick<Sendable, 'lastAt'>;
  readonly violate: Violate;
}

/** What senders were promised, and told, against what receivers got. */
export function createDeliveryChecks({ journal, plan, now, forgetting, sendable, violate }: DeliveryOptions) {
  /** The last message that was handed over for the first time, by its sender, level and priority. */
  const latest = new Map<string, number>();

  /** To the next owner of an outbox, what has expired is valid when the date has stepped back. */
  const mayComeBack = ({ message, isStored }: Entry): boolean => message.ttl !== undefined && isStored && plan.faults.includes('step');
  const maxFrame = Math.min(plan.client.maxFrame ?? Infinity, plan.server.maxFrame ?? Infinity);
  const checkOrder = (entry: Entry): void => {
    const { level, message, order, sender } = entry;
    if (level === 'at-most-once' && (plan.link.isLossy || isStale(plan, sender.side))) return;
    // Two processes with one outbox get what they get at their own pace.
    if (sender.side === 'server' && plan.faults.includes('rival')) return;
    if (mayComeBack(entry)) return;
    // What has expired for the next server may be on its way to one that stood still.
    if (message.ttl !== undefined && isStale(plan, sender.side)) return;
    const stream = level === 'at-most-once' ? sender.life.name : sender.stream;
    const key = `${stream} ${level} ${message.priority}`;
    if (order < (latest.get(key) ?? -1)) violate('order', `${message.id} comes after a later one (${key})`);
    latest.set(key, order);
  };
  const checkRepeat = ({ level, message: { id }, handed, effects, isBuried }: Entry, memory: Memory): void => {
    const isForgotten = !handed.includes(memory);
    if (level === 'at-most-once') violate('atMostOnce', `${id} is handed over twice`);
    else if (!isForgotten)
      violate(level === 'exactly-once' ? 'exactlyOnce' : 'atLeastOnce', `${id} is handed over twice to the same receiver`);
    else if (level === 'exactly-once' && (effects > 0 || isBuried) && !isSplit(plan[memory.side]) && !isStale(plan, other(memory.side))) {
      violate('exactlyOnce', `${id} is handed over again after its effect`);
    }
  };
  const mayBeSent = ({ storedAt, sender: { side } }: Entry): boolean => sendable.lastAt(side) >= storedAt;
  const deadFor = (
    entry: Entry,
    { code, ...error }: RxwireError & { readonly reason?: string; readonly fault?: string },
  ): string | undefined => {
    const { level, flown, flownSince, sender } = entry;
    const mine = plan[sender.side];
    if (code === 'ERR_IN_DOUBT') {
      // Nobody knows whether the write is stored that has failed.
      if (plan.stores && mine.outbox === 'durable' && flown === 0) return undefined;
      if (level !== 'exactly-once') return 'it could have been sent again';
      // An owner that opens an outbox does not know what the former one has sent while it could.
      if (flown === 0) return entry.isStoredOnline || (entry.isStored && mayBeSent(entry)) ? undefined : 'it was never sent';
      return forgetting.lastBy[other(sender.side)] >= flownSince ? undefined : 'nobody has forgotten it';
    }
    if (code === 'ERR_DROPPED' && error.reason === 'overflow') return flown === 0 && mine.maxQueued < 10_000 ? undefined : 'there was room';
    if (code === 'ERR_OVERFLOW') return flown === 0 && mine.overflow === 'error' ? undefined : 'there was room';
    if (code === 'ERR_STORE')
      return error.fault === 'fenced' || (flown === 0 && (mine.noRoom > 0 || plan.stores)) ? undefined : 'it was stored';
    if (code === 'ERR_FRAME_TOO_LARGE') return sizeOf(entry) + OVERHEAD > maxFrame ? undefined : 'it fits';
    return code === 'ERR_DROPPED' || code === 'ERR_WIRE_CLOSED' ? undefined : `it says ${code}`;
  };
  const lie = (entry: Entry, { status, outcome, error }: Receipt, sender: Sender): string | undefined => {
    const { level, message, outcomes } = entry;
    if (status === 'acked' && level === 'at-most-once') return 'nobody acks it';
    const why = status === 'acked' && !plan.link.isLossy ? wrongOutcome(entry, outcome) : undefined;
    if (why) return why;
    // To an outbox that is opened again, a number that was skipped is acked like others; that it had expired was told before.
    if (status === 'acked' && !isDone(entry) && ![...outcomes.values()].includes('expired')) return 'its receiver is not through with it';
    if (status === 'expired')
      return message.timestamp + (message.ttl ?? Infinity) <= now() || plan.faults.includes('step') ? undefined : 'it has time';
    if (status === 'dead' && (error as RxwireError).code === 'ERR_DECODE') return entry.isSetAside ? undefined : 'nobody has set it aside';
    if (status === 'refused') return entry.isRefused ? undefined : 'nobody has refused it';
    if (status === 'dead' && entry.ackedTo === sender.life) return 'its ack has come';
    return status === 'dead' ? deadFor(entry, error as RxwireError) : undefined;
  };

  return {
    handed(id: string, memory: Memory): void {
      const entry = journal.of(id);
      if (sizeOf(entry) > maxFrame) violate('outcome', `${id} is handed over, and is larger than a frame may be`);
      if (entry.handed.length === 0) checkOrder(entry);
      else checkRepeat(entry, memory);
      if (canExpire(plan) && !mayComeBack(entry) && [...entry.outcomes.values()].includes('expired'))
        violate('expired', `${id} is handed over`);
      entry.handed.push(memory);
      entry.handedAt = now();
    },
    effect(id: string, side: Side): void {
      const entry = journal.of(id);
      entry.doneAt = now();
      if (++entry.effects > 1 && entry.level === 'exactly-once' && !isSplit(plan[side]))
        violate('exactlyOnce', `${id} has its effect twice`);
    },
    refused: (id: string): void => void Object.assign(journal.of(id), { isRefused: true, doneAt: now() }),
    setAside: (id: string): void => void Object.assign(journal.of(id), { isSetAside: true, doneAt: now() }),
    buried: (id: string): void => void Object.assign(journal.of(id), { isBuried: true, doneAt: now() }),
    /** A wire has ended: what its outbox keeps has no last receipt. */
    ended(wire: object, sender: Sender): void {
      for (const { message, outcomes, isStored, isBeingStored, ...entry } of journal.entries.values())
        if (entry.sender === sender && !entry.isLate && !outcomes.has(wire) && !isStored && !isBeingStored)
          violate('outcome', `nothing became of ${message.id}, and the wire of ${sender.life.name} has ended`);
    },
    receipt(receipt: Receipt, wire: object, sender: Sender): void {
      const { id, status } = receipt;
      const entry = journal.of(id);
      const before = entry.outcomes.get(wire);
      if (before && !isFinal(receipt, entry)) violate('lastReceipt', `${id} is ${status} for ${sender.life.name}, and was ${before}`);
      if (!isFinal(receipt, entry)) return;
      const { fault } = Object(receipt.error) as { readonly fault?: string };
      if (fault === 'fenced' && entry.isStored) violate('owner', `${id} is stored, and ${sender.life.name} says that its write was fenced`);
      if (before) violate('lastReceipt', `${id} is ${status} for ${sender.life.name}, and was ${before}`);
      entry.outcomes.set(wire, status);
      const isFirst = entry.rode.length > 0 && entry.rode.every((one) => journal.of(one).handed.length === 0 && !journal.of(one).isPoison);
      if (status === 'acked' && isFirst && sender.isListening()) violate('ackOrder', `${id} is acked before ${entry.rode.join(' ')}`);
      const why = lie(entry, receipt, sender);
      if (why) violate(status === 'acked' ? 'acked' : 'outcome', `${id} is ${status}, and ${why}`);
    },
  };
}

/** Returns how an ack lies about the outcome of its message, on links that lose no rejection by itself. */
function wrongOutcome({ effects, isBuried, isRefused, isSetAside, outcomes }: Entry, outcome: Receipt['outcome']): string | undefined {
  // An outbox that is opened again does not know that the message had expired, which its former owner was told.
  if ([...outcomes.values()].includes('expired')) return undefined;
  if (outcome === undefined) return 'it has no outcome';
  if (outcome === 'dead-lettered') return isBuried ? undefined : 'it has no dead letter';
  return effects === 0 && (isBuried || isRefused || isSetAside) ? 'it was not processed' : undefined;
}

function isFinal({ status }: Receipt, { level }: Entry): boolean {
  return (
    status === 'acked' ||
    status === 'refused' ||
    status === 'expired' ||
    status === 'dead' ||
    (status === 'sent' && level === 'at-most-once')
  );
}

/** Whether what has expired cannot be on its way any more: neither by a detour nor to a client whose outbox was taken over. */
function canExpire({ link, faults, owners }: Plan): boolean {
  return !link.isLossy && !faults.includes('rival') && owners === 1;
}

/** Whether a receiver may stand still, and get what it was sent before another one took its place. */
const isStale = ({ owners }: Plan, from: Side): boolean => owners > 1 && from === 'client';

/** Whether effects are elsewhere than the cursor: then a crash in between repeats them, at every level. */
export function isSplit({ inbox, handler }: SidePlan): boolean {
  return inbox === 'durable' && handler === 'at once';
}

/** The most that a frame has besides the payload of its only message, in bytes. */
const OVERHEAD = 450;

const sizeOf = ({ message: { payload } }: Entry): number => (payload as string).length;
