import { Packr } from 'msgpackr';
import { nanoid } from 'nanoid';
import { StoreError } from '../errors.js';
import { durable } from '../session/durability.js';
import { isRejection, readRejection, rejectionFields } from '../session/store/storedRejections.js';
import type { Completion, Cursor, Inbox, InboxClaim, InboxLease, InboxRecord } from '../session/store/inbox.js';
import { isEarlier } from '../session/store/isEarlier.js';
import { isInboxClaim } from '../session/store/isHelloNumber.js';
import { runEffect } from '../session/store/runEffect.js';
import { untilStored } from './retrying.js';
import { tokenOf, type SubjectStore } from './subjectStore.js';

/** The stored state of a sender. */
interface SenderRow extends Partial<Cursor> {
  readonly claim?: InboxClaim | undefined;
  readonly session?: unknown;
}

/** The state of a sender as this process knows it. */
interface KnownSender {
  /** `undefined` if nothing is stored. */
  readonly row: SenderRow | undefined;
  readonly seq: number;
}

/** A sender that a session of this process has claimed. */
interface ClaimedSender extends KnownSender {
  readonly owner: string;
}

const OVERTAKEN = 'other nodes wrote to the sender at each attempt';
const START: Cursor = { done: 0, finished: [] };
const packr = new Packr({ useRecords: false });

/**
 * Stores the progress of a receiver in a stream of NATS JetStream that keeps one entry for each
 * sender, which each write replaces if no other node has written meanwhile. So a claim, a commit
 * and a session record of one sender are one sequence, whichever nodes they come from.
 *
 * An effect gets no transaction, as JetStream has none for data of the application: it runs before
 * the cursor is stored, and again if the node dies in between.
 */
export function createNatsInbox(store: SubjectStore): Inbox<undefined> {
  const serially = createSerialByKey();
  /** Bounded by the sessions of this process. */
  const claimed = new Map<string, ClaimedSender>();

  const read = async (pid: string): Promise<KnownSender> => {
    const found = await store.last(tokenOf(pid));
    return { row: found && rowIn(found.data), seq: found?.seq ?? 0 };
  };
  /** Stores a state directly behind the known one. Returns whether no other node was faster. */
  const put = async (pid: string, { seq }: KnownSender, row: SenderRow): Promise<KnownSender | undefined> => {
    const data = packr.pack({ ...row, rejections: row.rejections?.map(rejectionFields), write: nanoid() });
    const stored = await store.append(tokenOf(pid), data, seq);
    return stored === undefined ? undefined : { row, seq: stored };
  };
  const change = async (lease: InboxLease, fields: SenderRow, completions: readonly Completion<undefined>[]): Promise<void> => {
    const { pid, owner, epoch, n } = lease;
    const hasEffects = completions.some(({ effect }) => effect);
    // Effects must not run when another session has claimed the sender: the stored state decides,
    // not the known one.
    const expected = hasEffects ? undefined : claimed.get(pid);
    const stored = await untilStored(OVERTAKEN, async (count) => {
      const known = (count === 0 ? expected : undefined) ?? (await read(pid));
      const before = ownRow(lease, known.row);
      if (count === 0) for (const { effect } of completions) if (effect) runEffect(effect, undefined);
      const claim = before?.claim ?? { owner, epoch, n };
      return put(pid, known, { ...(before ?? START), claim, ...fields });
    });
    if (claimed.get(pid)?.owner === owner) claimed.set(pid, { ...stored, owner });
  };

  return {
    durability: durable,
    claim: (pid, decide) =>
      serially(pid, () =>
        untilStored(OVERTAKEN, async () => {
          const known = await read(pid);
          const record = known.row && recordOf(known.row);
          const claim = decide(record);
          if (!claim) return { record, lease: undefined };
          const stored = known.row ? await put(pid, known, { ...known.row, claim }) : known;
          if (!stored) return undefined;
          claimed.set(pid, { ...stored, owner: claim.owner });
          return { record, lease: { pid, ...claim, isNew: !record } };
        }),
      ),
    commit: (lease, { done, finished, rejections }, completions) =>
      serially(lease.pid, () => change(lease, { done, finished, rejections }, completions)),
    remember: (lease, session) => serially(lease.pid, () => change(lease, { session }, [])),
    release({ pid, owner }) {
      if (claimed.get(pid)?.owner === owner) claimed.delete(pid);
    },
  };
}

/**
 * Returns a function that runs the tasks of each key one after the other. A task that fails does
 * not affect the next one.
 */
function createSerialByKey(): <T>(key: string, task: () => Promise<T>) => Promise<T> {
  const ends = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const before = ends.get(key);
    const result = before ? before.then(task, task) : task();
    ends.set(key, result);
    const leave = (): void => {
      if (ends.get(key) === result) ends.delete(key);
    };
    result.then(leave, leave);
    return result;
  };
}

/**
 * Returns the row of a sender for its owner.
 * @throws {StoreError} `fenced`, if another session has
 * claimed the sender.
 */
function ownRow(lease: InboxLease, row: SenderRow | undefined): SenderRow | undefined {
  if (!row?.claim || row.claim.owner === lease.owner) return row;
  if (lease.isNew && isEarlier(row.claim, lease)) return undefined;
  throw new StoreError('nats', 'fenced');
}

function recordOf({ done = 0, finished = [], rejections, claim, session }: SenderRow): InboxRecord {
  return { cursor: { done, finished, ...(rejections?.length && { rejections }) }, ...(claim && { claim }), session };
}

/** @throws {StoreError} `corrupt`, if the data are not the state of a sender. */
function rowIn(data: Uint8Array): SenderRow {
  try {
    const { done, finished, rejections = [], claim, session } = Object(packr.unpack(data)) as Record<keyof SenderRow, unknown>;
    const areNumbers = Number.isSafeInteger(done) && Array.isArray(finished) && finished.every(Number.isSafeInteger);
    if (areNumbers && Array.isArray(rejections) && rejections.every(isRejection) && (claim === undefined || isInboxClaim(claim)))
      return { done: done as number, finished, rejections: rejections.map(readRejection), claim, session };
  } catch {
    // The error below says it.
  }
  throw new StoreError('nats', 'corrupt');
}
