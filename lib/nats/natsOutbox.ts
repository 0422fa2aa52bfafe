import { nanoid } from 'nanoid';
import { defer, Subject, type SchedulerLike } from 'rxjs';
import { StoreError } from '../errors.js';
import { durable } from '../session/durability.js';
import { asOutboxOwner } from '../session/store/asOutboxOwner.js';
import { isEarlier } from '../session/store/isEarlier.js';
import type { HelloNumber, OpenedOutbox, OutboxStore, OutboxWrite, StoredBatch } from '../session/store/outboxStore.js';
import { headOf, newHead, openedOf } from '../session/store/storedHead.js';
import type { NatsContext } from './natsContext.js';
import { encodeEntry, partsOf, readOutbox, type NatsOutboxHead, type StoredOutbox, type StoredWrite } from './outboxEntry.js';
import { untilStored } from './retrying.js';
import { tokenOf, type SubjectStore } from './subjectStore.js';

interface OutboxLimits {
  /** The maximum number of messages of an outbox. */
  readonly maxMessages: number;
  /** The maximum size of the batches of an outbox, in bytes. */
  readonly maxBytes: number;
}

interface OutboxPlace {
  readonly context: Pick<NatsContext, 'maxPayload' | 'scheduler' | 'timeout'>;
  readonly store: SubjectStore;
  readonly limits: OutboxLimits;
  /** The name of the outbox in the store. */
  readonly name: string;
  /** Whom the outbox counts for when the store is full. */
  readonly group: string;
}

interface Job {
  readonly change: OutboxWrite;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The room for the head of an entry and the headers of NATS, in bytes. */
const OVERHEAD = 8_192;
/** Entries in front of the first one that counts are removed when there are this many. */
const TRIM_AFTER = 128;
/**
 * An entry is kept for so many timeouts: an earlier owner that does not know whether it has stored
 * an entry must find it.
 */
const TIMEOUTS = 4;
const NOTHING = new Uint8Array(0);

/**
 * Returns the outboxes of a cluster: each is a subject of a stream of NATS JetStream, to which only
 * its latest owner can append, at whichever node it is. Acked batches are removed later, many at a
 * time.
 */
export function createNatsOutboxes(parts: Omit<OutboxPlace, 'name' | 'group'>): (name: string, group?: string) => OutboxStore {
  return (name, group = '') => {
    const { maxMessages, maxBytes } = parts.limits;
    const faults$ = new Subject<StoreError>();
    let writer: ReturnType<typeof createOutboxWriter> | undefined;
    /**
     * The number of calls of `open` and `close`: an outbox that was closed while it was being
     * opened stays closed.
     */
    let calls = 0;
    const close = (): void => {
      calls++;
      writer?.close();
      writer = undefined;
    };
    const open = async (hello?: HelloNumber): Promise<OpenedOutbox> => {
      close();
      const mine = calls;
      const { corrupt, contents, ...opened } = await openOutbox({ ...parts, name: tokenOf(name), group: tokenOf(group) }, hello);
      if (mine === calls) writer = opened.writer;
      else opened.writer.close();
      for (let count = 0; count < corrupt; count++) faults$.next(new StoreError('nats', 'corrupt'));
      return contents;
    };
    return {
      isDurable: true,
      durability: durable,
      maxMessages,
      maxBytes,
      faults$,
      open: (hello) => defer(() => open(hello)),
      write: asOutboxOwner('nats', () => writer, faults$),
      close,
    };
  };
}

/**
 * Becomes the owner: all earlier owners fail from then on.
 * @throws {StoreError} Delivered: `fenced`, if the owner has answered a later hello.
 */
function openOutbox(place: OutboxPlace, hello: HelloNumber | undefined) {
  const { store, name, group } = place;
  return untilStored('other nodes opened the outbox at each attempt', async () => {
    const { corrupt, ...stored } = await readOutbox(store, name);
    if (hello && stored.head?.hello && isEarlier(hello, stored.head.hello)) throw new StoreError('nats', 'fenced');
    const head = nextHead(stored, hello);
    const marker = encodeEntry({ write: nanoid(), index: 0, isLast: true, head, part: NOTHING });
    const seq = await store.append(name, marker, stored.seq, group);
    if (seq === undefined) return undefined;
    const batches = stored.writes.flatMap((write) => write.batches);
    const writer = createOutboxWriter(place, { ...stored, head, seq });
    return { writer, contents: openedOf(head, batches), corrupt };
  });
}

type WrittenOutbox = Pick<StoredOutbox, 'seq' | 'writes'> & { readonly head: NatsOutboxHead };

/** Creates the functions of the owner of an outbox, until another one opens it. */
function createOutboxWriter({ context, store, name, group, limits }: OutboxPlace, opened: WrittenOutbox) {
  const { maxPayload, scheduler, timeout } = context;
  let { head, seq, writes } = opened;
  let jobs: Job[] = [];
  let isWriting = false;
  let isClosed = false;
  /** The number of entries that were stored since the last removal. */
  let entries = 1;
  const old = createOldEntries(seq, TIMEOUTS * timeout, scheduler);

  const storeEntry = async (entry: Uint8Array): Promise<number> => {
    const stored = await store.append(name, entry, seq, group);
    if (stored === undefined) throw new StoreError('nats', 'fenced');
    entries++;
    old.note(stored);
    return (seq = stored);
  };
  /**
   * Stores the entries of a write. Only the last one has the new head: until it is stored, the
   * others do not count.
   */
  const append = async (draft: OutboxDraft): Promise<void> => {
    const parts = partsOf(draft, Math.max(OVERHEAD, maxPayload() - OVERHEAD));
    const write = nanoid();
    let first = 0;
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const here = draft.batches.length === 0 ? 0 : first || ('here' as const);
      const next: NatsOutboxHead = isLast ? { ...draft.head, start: draft.writes[0]?.seq ?? here } : head;
      const stored = await storeEntry(encodeEntry({ write, index, isLast, head: next, part }));
      first ||= stored;
    }
    writes = draft.batches.length > 0 ? [...draft.writes, { seq: first, batches: draft.batches }] : draft.writes;
    head = { ...draft.head, start: writes[0]?.seq ?? 0 };
  };
  const storeAll = async (all: readonly Job[]): Promise<void> => {
    const { draft, accepted } = applyAll(all, { head, writes, replaces: false, batches: [] }, limits);
    try {
      if (accepted.length > 0) await append(draft);
      for (const { resolve } of accepted) resolve();
    } catch (error) {
      for (const { reject } of accepted) reject(error);
    }
  };
  /** Removes the entries in front of the first one that counts, if there may be `count`. */
  const removeOld = (count: number): void => {
    if (entries < count || old.last() === 0) return;
    entries = 0;
    store.trim(name, Math.min(old.last(), writes[0]?.seq ?? seq));
  };
  const run = async (): Promise<void> => {
    if (isWriting) return;
    isWriting = true;
    while (jobs.length > 0) await storeAll(jobs.splice(0));
    isWriting = false;
    removeOld(isClosed ? 1 : TRIM_AFTER);
  };

  return {
    /**
     * Stores a change. Changes that arrive during a write share the next one. A change that only
     * removes acked batches may wait for another one.
     * @throws {StoreError} Delivered: `fenced` if another owner has opened the outbox, `quota` if
     *   there is no room.
     */
    write: (change: OutboxWrite): Promise<void> =>
      new Promise((resolve, reject) => {
        jobs.push({ change, resolve, reject });
        void run();
      }),
    /**
     * A write in progress may still complete. Changes that wait for another one are given up: they
     * only save room.
     */
    close(): void {
      isClosed = true;
      const waiting = jobs;
      jobs = [];
      for (const { reject } of waiting) reject(new StoreError('nats', 'failed', new Error('the outbox was closed')));
      if (!isWriting) removeOld(2);
    },
  };
}

/** An outbox after some changes that are not stored yet. */
interface OutboxDraft {
  readonly head: NatsOutboxHead;
  /** The earlier writes that still count. */
  readonly writes: readonly StoredWrite[];
  /** Whether the batches replace all that is stored. */
  readonly replaces: boolean;
  /** The batches to be stored. */
  readonly batches: readonly StoredBatch[];
}

/** Returns the outbox after the changes for which there is room. The others fail. */
function applyAll(jobs: readonly Job[], before: OutboxDraft, limits: OutboxLimits): { draft: OutboxDraft; accepted: readonly Job[] } {
  let draft = before;
  const accepted = jobs.filter(({ change, reject }) => {
    const next = applyWrite(draft, change);
    const isAccepted = change.batches.length === 0 || hasRoom(next, limits);
    if (isAccepted) draft = next;
    else reject(new StoreError('nats', 'quota'));
    return isAccepted;
  });
  return { draft, accepted };
}

function applyWrite(draft: OutboxDraft, change: OutboxWrite): OutboxDraft {
  const { acked } = change.head;
  const { writes, batches, replaces } = change.replaces ? { writes: [], batches: [], replaces: true } : draft;
  return {
    head: { ...headOf(draft.head, change.head), start: draft.head.start },
    writes: writes.filter((write) => write.batches.some(({ first, count }) => first + count - 1 > acked)),
    replaces,
    batches: [...batches, ...change.batches],
  };
}

function hasRoom({ writes, batches }: OutboxDraft, { maxMessages, maxBytes }: OutboxLimits): boolean {
  let [messages, bytes] = [0, 0];
  for (const { count, body } of [...writes.flatMap((write) => write.batches), ...batches]) {
    if (body.length > 0) messages += count;
    bytes += Buffer.byteLength(body);
  }
  return messages <= maxMessages && bytes <= maxBytes;
}

function nextHead({ head, writes }: Pick<StoredOutbox, 'head' | 'writes'>, hello: HelloNumber | undefined): NatsOutboxHead {
  const start = writes[0]?.seq ?? 0;
  if (!head) return { ...newHead(), hello, start };
  return { ...head, epoch: head.epoch + 1, hello: hello ?? head.hello, start };
}

/**
 * Remembers which entries of a subject are old, by two of their sequence numbers.
 * @param seq The latest entry.
 * @param age The age from which on an entry is old, in ms.
 */
export function createOldEntries(seq: number, age: number, scheduler: SchedulerLike) {
  let [old, young] = [0, { seq, at: scheduler.now() }];
  return {
    /** Notes an entry that was stored now. */
    note(stored: number): void {
      const now = scheduler.now();
      if (now - young.at >= age) [old, young] = [young.seq, { seq: stored, at: now }];
    },
    /**
     * Returns the sequence number of an entry that is old, as are all in front of it; 0 if none is
     * known.
     */
    last: (): number => old,
  };
}
