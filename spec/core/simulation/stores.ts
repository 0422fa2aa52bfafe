import { EMPTY_OUTBOX } from '../../../lib/core/storedOutgoing.js';
import type {
  ClientRecord,
  Cursor,
  InboxWrite,
  OutboxContents,
  OutboxHead,
  OutboxWrite,
  WriteFault,
  StoredBatch,
} from '../../../lib/core/storedTypes.js';
import type { SimulatedBodies } from './bodies.js';
import type { Effect } from './storeOracle.js';
import type { StoreRun } from './storeRun.js';
import { NONE, WriteQueue } from './writeQueue.js';

/** The contents of one outbox, which outlive its owners. */
export class OutboxData {
  epoch = 0;
  head: OutboxHead = EMPTY_OUTBOX;
  batches: readonly StoredBatch[] = [];
  owner: object | undefined;
  hello = { epoch: 0, n: 0 };
  /** Earlier contents, the latest last. */
  readonly #history: { readonly head: OutboxHead; readonly batches: readonly StoredBatch[] }[] = [];

  constructor(private readonly bodies: SimulatedBodies) {}

  /** The messages that have no outcome. */
  get ids(): readonly string[] {
    const { acked, skips } = this.head;
    return this.#idsOf(Infinity, (number) => number > acked && !skips.includes(number));
  }
  /** The messages of the batches up to a number that are chosen. */
  #idsOf(last: number, isChosen: (number: number) => boolean): readonly string[] {
    const ids: string[] = [];
    for (const { first, body } of this.batches) {
      if (first > last) break;
      const all = this.bodies.idsIn(body);
      for (let index = 0; index < all.length; index++) if (isChosen(first + index)) ids.push(all[index]!);
    }
    return ids;
  }
  get contents(): OutboxContents {
    return { ...this.head, batches: this.batches };
  }

  /** Returns the messages that the write has removed. */
  apply({ head, batches, replaces }: OutboxWrite): readonly string[] {
    const before = { head: this.head, batches: this.batches };
    this.#history.push(before);
    if (this.#history.length > 5) this.#history.shift();
    const removed = replaces ? this.ids : this.#removedBy(head);
    const all = replaces ? batches : batches.length > 0 ? [...this.batches, ...batches] : this.batches;
    const hasChanged = replaces || head.acked !== before.head.acked;
    this.batches = hasChanged ? all.filter(({ first, count }) => first + count - 1 > head.acked) : all;
    this.head = head;
    if (!replaces) return removed;
    const left = new Set(this.ids);
    return removed.filter((id) => !left.has(id));
  }
  /** The messages that are acked or skipped by a later head, and not by the present one. */
  #removedBy(head: OutboxHead): readonly string[] {
    const { acked, skips } = this.head;
    const hasSkips = head.skips.some((number) => !skips.includes(number));
    if (head.acked <= acked && !hasSkips) return NONE;
    return this.#idsOf(
      hasSkips ? Infinity : head.acked,
      (number) => number > acked && !skips.includes(number) && (number <= head.acked || head.skips.includes(number)),
    );
  }
  /** The last writes are lost. */
  rollBack(writes: number): void {
    Object.assign(this, this.#history.at(-Math.min(writes, this.#history.length)));
    this.#history.length = 0;
  }
}

/** An outbox for one owner. */
export class SimulatedOutbox extends WriteQueue<OutboxWrite> {
  constructor(
    run: StoreRun,
    readonly data: OutboxData,
  ) {
    super(run);
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
  protected apply(write: OutboxWrite): WriteFault | readonly string[] {
    const { data, run } = this;
    if (data.owner !== this) return 'fenced';
    // Numbers that are skipped take no room.
    const takesRoom = write.batches.some(({ body }) => body.length > 0);
    if (takesRoom && !write.replaces && run.chance.hit(run.plan.storeFaults.quota)) return 'quota';
    return data.apply(write);
  }
}

/** A row of an inbox. */
interface Row {
  readonly owner: string;
  readonly epoch: number;
  readonly cursor: Cursor | undefined;
  readonly record: ClientRecord | undefined;
}

/** The rows of one inbox. */
export type InboxData = Map<string, Row>;

/** An inbox for one owner. */
export class SimulatedInbox extends WriteQueue<InboxWrite> {
  constructor(
    run: StoreRun,
    private readonly rows: InboxData,
    private readonly owner: string,
    private readonly epoch: number,
  ) {
    super(run);
  }
  /** Reads a row, and becomes its owner if `decide` returns true. */
  claim(key: string, decide: (row: Row | undefined) => boolean): Row | undefined {
    const row = this.rows.get(key);
    if (row && decide(row)) this.rows.set(key, { ...row, owner: this.owner, epoch: this.epoch });
    return row;
  }
  protected apply({ key, cursor, record, effects }: InboxWrite): WriteFault | readonly string[] {
    const { chance, oracle, plan } = this.run;
    const row = this.rows.get(key);
    if (row && row.owner !== this.owner) return 'fenced';
    if (effects.length > 0 && chance.hit(plan.storeFaults.quota)) return 'effect';
    this.rows.set(key, { owner: this.owner, epoch: this.epoch, cursor: cursor ?? row?.cursor, record: record ?? row?.record });
    for (const effect of effects) oracle.committed(effect as Effect);
    return NONE;
  }
}
