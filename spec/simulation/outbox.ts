import { Subject } from 'rxjs';
import type { Codec } from '../../lib/index.js';
import { StoreError } from '../../lib/errors.js';
import { durable } from '../../lib/session/durability.js';
import type { OutboxStore, StoredBatch, Ticket } from '../../lib/session/store/outboxStore.js';
import { idsIn } from './checks/spaces.js';
import type { Chance } from './chance.js';
import type { Disk } from './disk.js';
import type { Life } from './life.js';

/** What is on a disk of one outbox. */
export interface OutboxRecord {
  readonly pid: string;
  epoch: number;
  acked: number;
  last: number;
  sent: number;
  batches: readonly StoredBatch[];
  ticket: Ticket | undefined;
}

/** Messages that a durable outbox takes. */
export const MOST_STORED = 200;

export interface OutboxOptions {
  readonly chance: Chance;
  readonly disk: Disk;
  readonly record: OutboxRecord;
  /** How often there is no room. */
  readonly noRoom: () => number;
  /** Whether its process can send now. */
  readonly isOnline: () => boolean;
  /** Called with messages that are stored, and whether their process could send when it stored them. */
  readonly onStored: (ids: readonly string[], isStoredOnline: boolean) => void;
  readonly codec: Codec;
}

export function newRecord(chance: Chance): OutboxRecord {
  return { pid: chance.name(), epoch: 0, acked: 0, last: 0, sent: 0, batches: [], ticket: undefined };
}

/** An outbox that outlives processes: each opens it anew, and fences those before it. */
export function durableOutbox(life: Life, { chance, disk, record, noRoom, isOnline, onStored, codec }: OutboxOptions): OutboxStore {
  const faults$ = new Subject<StoreError>();
  let epoch = 0;

  const write = (work: () => void) =>
    disk.write(life, () => {
      if (record.epoch === epoch) return work();
      const error = new StoreError('simulated', 'fenced');
      if (life.isAlive()) faults$.next(error);
      throw error;
    });
  return {
    isDurable: true,
    durability: durable,
    faults$,
    maxMessages: MOST_STORED,
    maxBytes: 100_000,
    open: () =>
      disk.write(life, () => {
        epoch = ++record.epoch;
        return { ...record };
      }),
    append: (batches) => {
      const isStoredOnline = isOnline();
      return write(() => {
        if (chance.hit(noRoom())) throw new StoreError('simulated', 'quota');
        record.batches = [...record.batches, ...batches];
        record.last = lastOf(batches.at(-1)!);
        onStored(
          batches.flatMap(({ frame }) => idsIn(frame, codec)),
          isStoredOnline,
        );
      });
    },
    trim: (acked) =>
      write(() => {
        record.acked = Math.max(record.acked, acked);
        record.batches = record.batches.filter((batch) => lastOf(batch) > acked);
      }),
    replace: (acked, batches, sent) =>
      write(() => {
        Object.assign(record, { acked, batches, sent, last: Math.max(acked, ...batches.map(lastOf)) });
      }),
    mark: (sent) => write(() => void (record.sent = sent)),
    remember: (ticket) => write(() => void (record.ticket = ticket)),
    close: () => undefined,
  };
}

const lastOf = ({ first, count }: StoredBatch): number => first + count - 1;
