import { EMPTY_OUTBOX } from '../../../lib/core/outgoingStore.js';
import type {
  ClientRecord,
  Cursor,
  InboxWrite,
  OutboxContents,
  OutboxHead,
  OutboxWrite,
  StoreFault,
  StoredBatch,
} from '../../../lib/core/storedTypes.js';
import type { Chance } from '../../simulation/chance.js';
import type { SimulatedBodies } from './bodies.js';
import type { VirtualClock } from './clock.js';

/** How the stores of a run behave. */
export interface StoreFaults {
  /** The longest time of a write; 0: it is answered at once. */
  readonly maxDelay: number;
  /** The probabilities that a write has no room, and that it fails. */
  quota: number;
  failure: number;
}

export type Answer = (fault?: StoreFault) => void;

interface Waiting {
  apply: () => StoreFault | undefined;
  readonly answer: Answer;
}

/** Applies the writes of one owner in order, and answers them later. */
class WriteQueue {
  readonly #clock: VirtualClock;
  readonly #chance: Chance;
  readonly #faults: StoreFaults;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isDead = false;
  #hasFailed = false;

  constructor(clock: VirtualClock, chance: Chance, faults: StoreFaults) {
    this.#clock = clock;
    this.#chance = chance;
    this.#faults = faults;
  }
  add(apply: () => StoreFault | undefined, answer: Answer): void {
    this.#waiting.push({ apply, answer });
    if (!this.#isBusy) this.#next();
  }
  #next(): void {
    const { maxDelay } = this.#faults;
    const [first] = this.#waiting;
    if (!first || this.#isDead) return;
    this.#isBusy = true;
    if (maxDelay === 0) this.#run(first);
    else this.#clock.after(this.#chance.whole(0, maxDelay), () => this.#run(first));
  }
  #run(first: Waiting): void {
    if (this.#isDead) return;
    const { maxDelay, failure } = this.#faults;
    const fails = this.#hasFailed || this.#chance.hit(failure);
    // A failed write may be stored or not.
    const fault = this.#hasFailed || (fails && this.#chance.hit(0.5)) ? 'failed' : first.apply();
    first.apply = APPLIED;
    const done = (): void => {
      if (this.#isDead) return;
      this.#waiting.shift();
      this.#isBusy = false;
      this.#hasFailed ||= fails;
      first.answer(fails ? 'failed' : fault);
      // The answer may have added a write.
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- see above
      if (!this.#isBusy) this.#next();
    };
    if (maxDelay === 0) done();
    else this.#clock.after(this.#chance.whole(0, maxDelay), done);
  }
  /** The process ends: of its writes, the first ones may be stored. */
  crash(): void {
    this.#isDead = true;
    for (const { apply } of this.#waiting) {
      if (apply === APPLIED) continue;
      if (!this.#chance.hit(0.5)) return;
      apply();
    }
  }
}
const APPLIED = (): undefined => undefined;

/** The contents of one outbox, which outlive its owners. */
export class OutboxData {
  epoch = 0;
  head: OutboxHead = EMPTY_OUTBOX;
  batches: readonly StoredBatch[] = [];
  owner: object | undefined;
  hello = { epoch: 0, n: 0 };
  /** Earlier contents, the latest first. */
  readonly #history: { readonly head: OutboxHead; readonly batches: readonly StoredBatch[] }[] = [];

  constructor(readonly bodies: SimulatedBodies) {}

  /** The messages that have no outcome. */
  get ids(): readonly string[] {
    const { acked, skips } = this.head;
    const ids: string[] = [];
    for (const { first, body } of this.batches)
      this.bodies.idsIn(body).forEach((id, index) => {
        const number = first + index;
        if (number > acked && !skips.includes(number)) ids.push(id);
      });
    return ids;
  }
  get contents(): OutboxContents {
    return { ...this.head, batches: this.batches };
  }
  /** Returns the messages that the write has removed. */
  apply({ head, batches, replaces }: OutboxWrite): readonly string[] {
    const { head: before, batches: former } = this;
    this.#history.unshift({ head: before, batches: former });
    if (this.#history.length > 5) this.#history.pop();
    const isAppended = !replaces && head.acked === before.acked && areEqual(head.skips, before.skips);
    const removable = isAppended ? [] : this.ids;
    this.head = head;
    const all = replaces ? batches : [...former, ...batches];
    this.batches = head.acked === before.acked && !replaces ? all : all.filter(({ first, count }) => first + count - 1 > head.acked);
    if (removable.length === 0) return removable;
    const left = new Set(this.ids);
    return removable.filter((id) => !left.has(id));
  }
  /** The last writes are lost. */
  rollBack(writes: number): void {
    Object.assign(this, this.#history[Math.min(writes, this.#history.length) - 1] ?? {});
    this.#history.length = 0;
  }
}

const areEqual = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((number, index) => number === other[index]);

/** An outbox for one owner. */
export class SimulatedOutbox {
  readonly data: OutboxData;
  readonly #queue: WriteQueue;
  readonly #chance: Chance;
  readonly #faults: StoreFaults;

  constructor(data: OutboxData, clock: VirtualClock, chance: Chance, faults: StoreFaults) {
    this.data = data;
    this.#chance = chance;
    this.#faults = faults;
    this.#queue = new WriteQueue(clock, chance, faults);
  }
  /** @param hello At a server: an earlier hello does not become the owner. */
  open(hello?: { readonly epoch: number; readonly n: number }): OutboxContents | undefined {
    const { data } = this;
    const isEarlier = hello && (hello.epoch < data.hello.epoch || (hello.epoch === data.hello.epoch && hello.n < data.hello.n));
    if (isEarlier) return undefined;
    data.owner = this;
    data.hello = hello ?? data.hello;
    data.epoch++;
    return data.contents;
  }
  /** @param onApplied Called with the ids of the messages that the write has removed. */
  write(write: OutboxWrite, answer: Answer, onApplied: (removed: readonly string[]) => void): void {
    this.#queue.add(() => {
      const { data } = this;
      if (data.owner !== this) return 'fenced';
      if (write.batches.length > 0 && !write.replaces && this.#chance.hit(this.#faults.quota)) return 'quota';
      onApplied(data.apply(write));
      return undefined;
    }, answer);
  }
  crash(): void {
    this.#queue.crash();
  }
}

interface Row {
  readonly owner: string;
  readonly epoch: number;
  readonly cursor?: Cursor | undefined;
  readonly record?: ClientRecord | undefined;
}

/** The rows of one inbox. */
export class InboxData {
  readonly rows = new Map<string, Row>();
}

/** An inbox for one owner. */
export class SimulatedInbox {
  readonly #data: InboxData;
  readonly #owner: string;
  readonly #epoch: number;
  readonly #queue: WriteQueue;
  readonly #chance: Chance;
  readonly #faults: StoreFaults;

  constructor(data: InboxData, owner: string, epoch: number, clock: VirtualClock, chance: Chance, faults: StoreFaults) {
    this.#data = data;
    this.#owner = owner;
    this.#epoch = epoch;
    this.#chance = chance;
    this.#faults = faults;
    this.#queue = new WriteQueue(clock, chance, faults);
  }
  /** Reads a row, and becomes its owner if `decide` returns true. */
  claim(key: string, decide: (row: Row | undefined) => boolean): Row | undefined {
    const row = this.#data.rows.get(key);
    if (row && decide(row)) this.#data.rows.set(key, { ...row, owner: this.#owner, epoch: this.#epoch });
    return row;
  }
  /** @param onEffects Called with the effects that are stored. */
  write({ key, cursor, record, effects }: InboxWrite, answer: Answer, onEffects: (effects: readonly unknown[]) => void): void {
    this.#queue.add(() => {
      const { rows } = this.#data;
      const row = rows.get(key);
      if (row && row.owner !== this.#owner) return 'fenced';
      if (effects.length > 0 && this.#chance.hit(this.#faults.quota)) return 'effect';
      rows.set(key, { ...row, ...(cursor && { cursor }), ...(record && { record }), owner: this.#owner, epoch: this.#epoch });
      onEffects(effects);
      return undefined;
    }, answer);
  }
  crash(): void {
    this.#queue.crash();
  }
}
