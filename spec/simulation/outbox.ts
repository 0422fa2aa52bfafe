import { Subject } from 'rxjs';
import type { Codec } from '../../lib/index.js';
import { StoreError } from '../../lib/errors.js';
import { durable } from '../../lib/session/durability.js';
import type { HelloNumber, OutboxStore, StoredBatch, Ticket } from '../../lib/session/store/outboxStore.js';
import { isEarlier } from '../../lib/session/store/isEarlier.js';
import { idsIn } from './checks/spaces.js';
import type { Chance } from './chance.js';
import { onFailed, type Disk } from './disk.js';
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
  /** The hello that the owner answers, where that is a server. */
  hello: HelloNumber | undefined;
}

/** When a process began to store messages, in ms; and whether it could send then. */
export interface StoringMoment {
  readonly storedAt: number;
  readonly isStoredOnline: boolean;
}

/** Messages that a durable outbox takes. */
export const MOST_STORED = 200;

export interface OutboxOptions {
  readonly chance: Chance;
  readonly disk: Disk;
  readonly record: OutboxRecord;
  /** How often there is no room. */
  readonly noRoom: () => number;
  /** Returns whether its process can send now, and the time. */
  readonly moment: () => StoringMoment;
  /** Called with messages that are stored, and when their process began to store them. */
  readonly onStored: (ids: readonly string[], moment: StoringMoment) => void;
  /** Called with messages when a write of them begins, and when their process learns that it has failed. */
  readonly onStoring: (ids: readonly string[], isBeingStored: boolean) => void;
  readonly codec: Codec;
}

export function newRecord(chance: Chance): OutboxRecord {
  return { pid: chance.name(), epoch: 0, acked: 0, last: 0, sent: 0, batches: [], ticket: undefined, hello: undefined };
}

/** An outbox that outlives processes: each opens it anew, and fences those before it. */
export function durableOutbox(
  life: Life,
  { chance, disk, record, noRoom, moment, onStored, onStoring, codec }: OutboxOptions,
): OutboxStore {
  const faults$ = new Subject<StoreError>();
  let epoch = 0;

  const write = (work: () => void) =>
    disk.write(life, () => {
      if (record.epoch === epoch) return work();
      const error = new StoreError('simulated', 'fenced');
      life.whenRunning(() => {
        if (life.isAlive()) faults$.next(error);
      });
      throw error;
    });
  return {
    isDurable: true,
    durability: durable,
    faults$,
    maxMessages: MOST_STORED,
    maxBytes: 100_000,
    open: (hello) =>
      disk.write(life, () => {
        if (hello && record.hello && isEarlier(hello, record.hello)) throw new StoreError('simulated', 'fenced');
        if (hello) record.hello = hello;
        epoch = ++record.epoch;
        return { ...record };
      }),
    append: (batches) => {
      const begun = moment();
      const ids = batches.flatMap(({ frame }) => idsIn(frame, codec));
      const store = (): void => {
        if (chance.hit(noRoom())) throw new StoreError('simulated', 'quota');
        record.batches = [...record.batches, ...batches];
        record.last = lastOf(batches.at(-1)!);
        onStored(ids, begun);
      };
      onStoring(ids, true);
      return onFailed(
        () => write(store),
        () => onStoring(ids, false),
      );
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
