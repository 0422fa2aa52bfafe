import { Subject } from 'rxjs';
import type { Codec } from '../../lib/index.js';
import { StoreError } from '../../lib/message/errors.js';
import { durable } from '../../lib/wire/session/clientStores.js';
import { EMPTY_OUTBOX } from '../../lib/core/storedOutgoing.js';
import type { HelloNumber, OpenedOutbox, OutboxStore, OutboxWrite, StoredBatch } from '../../lib/stores/outboxStore.js';
import { isEarlier } from '../../lib/stores/helloNumber.js';
import { idsIn } from './checks/spaces.js';
import type { Chance } from './chance.js';
import { onFailed, type Disk } from './disk.js';
import type { Life } from './life.js';

/** What is on a disk of one outbox. */
export type OutboxRecord = { -readonly [K in keyof OpenedOutbox]: OpenedOutbox[K] } & {
  /** The hello that the owner answers, where that is a server. */
  hello: HelloNumber | undefined;
};

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
  /** Called with messages that are stored, and when their process began to store them; `replaces`: some of them were stored before. */
  readonly onStored: (ids: readonly string[], moment: StoringMoment, replaces?: boolean) => void;
  /** Called with messages when a write of them begins, and when their process learns that it has failed. */
  readonly onStoring: (ids: readonly string[], isBeingStored: boolean) => void;
  /** Called with messages that a write has settled: no later owner sends them. */
  readonly onSettled: (ids: readonly string[]) => void;
  readonly codec: Codec;
}

export function newRecord(chance: Chance): OutboxRecord {
  return { ...EMPTY_OUTBOX, pid: chance.name(), epoch: 0, batches: [], hello: undefined };
}

/** An outbox that outlives processes: each opens it anew, and fences those before it. */
export function durableOutbox(
  life: Life,
  { chance, disk, record, noRoom, moment, onStored, onStoring, onSettled, codec }: OutboxOptions,
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
  const store = ({ head, batches, replaces }: OutboxWrite): void => {
    const all = [...(replaces ? [] : record.batches), ...batches];
    const before = openIn({ ...record, batches: [...record.batches, ...batches] }, codec);
    Object.assign(record, head, { batches: all.filter((batch) => lastOf(batch) > head.acked) });
    const after = new Set(openIn(record, codec));
    onSettled(before.filter((id) => !after.has(id)));
  };
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
    write: (change) => {
      const begun = moment();
      const ids = change.batches.flatMap(({ body }) => (body.length > 0 ? idsIn(body, codec) : []));
      if (change.replaces || ids.length === 0)
        return write(() => {
          store(change);
          onStored(ids, begun, change.replaces);
        });
      const add = (): void => {
        if (chance.hit(noRoom())) throw new StoreError('simulated', 'quota');
        store(change);
        onStored(ids, begun);
      };
      onStoring(ids, true);
      return onFailed(
        () => write(add),
        () => onStoring(ids, false),
      );
    },
    close: () => undefined,
  };
}

/** Returns the messages that the next owner would send. */
function openIn({ batches, acked, skips }: OutboxRecord, codec: Codec): readonly string[] {
  const isOpen = (number: number): boolean => number > acked && !skips.includes(number);
  return batches.flatMap(({ first, body }) => (body.length > 0 ? idsIn(body, codec).filter((_, index) => isOpen(first + index)) : []));
}

const lastOf = ({ first, count }: StoredBatch): number => first + count - 1;
