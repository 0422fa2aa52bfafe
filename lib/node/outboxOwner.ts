import { map, type Observable, type SchedulerLike } from 'rxjs';
import { StoreError } from '../errors.js';
import type { StoredBatch, Ticket } from '../session/store/outboxStore.js';
import { createAges, type Ages } from './ages.js';
import { countOf, readValue, type Databases } from './databases.js';
import type { Environment } from './environment.js';
import { isHead, type Head } from './head.js';
import { createOutboxRows, lastOf, usageOf, type Found, type OutboxRows, type Usage } from './outboxRows.js';

export interface OwnerOptions {
  readonly name: string;
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** How long an outbox that nobody uses is kept, in ms. */
  readonly ttl: number;
  /** Outboxes kept at most. */
  readonly maxOutboxes: number;
  readonly scheduler: SchedulerLike;
}

/** An outbox that was opened, until another opens it. */
export interface Owner {
  /** Becomes the owner; the others fail until that is done. */
  own(): Observable<Found>;
  append(batches: readonly StoredBatch[]): Observable<void>;
  trim(acked: number): Observable<void>;
  replace(acked: number, batches: readonly StoredBatch[]): Observable<void>;
  remember(ticket: Ticket): Observable<void>;
}

/** Steps of the index in a ttl: hours of 30 days. */
const STEPS = 720;

export function createOwner(environment: Environment, options: OwnerOptions): Owner {
  const rows = createOutboxRows(environment.databases, options.name, outboxAges(environment.databases, options));
  let epoch = 0;
  let usage: Usage = { messages: 0, bytes: 0 };

  /** Changes what is stored, and tells how much that has added. Several changes may be in one transaction. */
  const change = (work: (rows: OutboxRows, head: Head) => Partial<Usage>): Observable<void> =>
    environment.write(() => work(rows, rows.headOf(epoch))).pipe(map((more) => void (usage = add(usage, more, 1))));
  return {
    own: () =>
      environment
        .write(() => rows.own())
        .pipe(
          map((found) => {
            epoch = found.head.epoch;
            usage = usageOf(found.batches);
            return found;
          }),
        ),
    append: (batches) =>
      change((records, head) => {
        const more = fitting(batches, usage, options);
        records.put(batches);
        records.setHead({ ...head, last: Math.max(head.last, lastOf(batches)) });
        return more;
      }),
    trim: (acked) =>
      change((records, head) => {
        if (acked <= head.acked) return {};
        records.setHead({ ...head, acked });
        return add({}, records.removeUpTo(acked), -1);
      }),
    replace: (acked, batches) =>
      change((records, head) => {
        const more = fitting(batches, {}, options);
        const less = records.removeUpTo(Infinity);
        records.put(batches);
        records.setHead({ ...head, acked, last: Math.max(acked, lastOf(batches)) });
        return add(more, less, -1);
      }),
    remember: (ticket) =>
      change((records, head) => {
        records.setHead({ ...head, ticket });
        return {};
      }),
  };
}

/** How much these are. @throws {StoreError} `quota`, when there is no room for them beside what there is. */
function fitting(batches: readonly StoredBatch[], beside: Partial<Usage>, { maxMessages, maxBytes }: OwnerOptions): Usage {
  const more = usageOf(batches);
  const { messages, bytes } = add(more, beside, 1);
  if (messages > maxMessages || bytes > maxBytes) throw new StoreError('lmdb', 'quota');
  return more;
}

function add(usage: Partial<Usage>, other: Partial<Usage>, sign: 1 | -1): Usage {
  const [{ messages = 0, bytes = 0 }, more] = [usage, other];
  return { messages: messages + sign * (more.messages ?? 0), bytes: bytes + sign * (more.bytes ?? 0) };
}

function outboxAges({ heads, batches, ages }: Databases, { ttl, maxOutboxes, scheduler }: OwnerOptions): Ages {
  return createAges(ages, {
    kind: 'outbox',
    ttl,
    maxKeys: maxOutboxes,
    step: ttl / STEPS,
    scheduler,
    count: () => countOf(heads),
    atOf: (name) => {
      const head = readValue(heads, name);
      return isHead(head) ? head.at : undefined;
    },
    drop: (name) => {
      heads.removeSync(name);
      for (const key of [...batches.getKeys({ start: [name], end: [name, Infinity] })]) batches.removeSync(key);
    },
  });
}
