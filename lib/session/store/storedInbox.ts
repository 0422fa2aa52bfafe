import { StoreError } from '../../errors.js';
import { chain, converted, type MaybeAsync } from '../../internal/maybeAsync.js';
import { durable } from '../clientStores.js';
import type { ClaimedInbox, Cursor, Inbox, InboxClaim, InboxLease, InboxRecord } from './inbox.js';
import { isEarlier } from './isEarlier.js';
import { isInboxClaim } from './isHelloNumber.js';
import { HEAD_ONLY, type Store, type StoreTransaction } from './store.js';
import type { StoredLetters } from './storedLetters.js';
import { isRejection, readRejection, rejectionFields } from './storedRejections.js';

export interface StoredInboxOptions<Tx> {
  readonly store: Store<Tx>;
  /** The dead letters in the same store. */
  readonly letters: StoredLetters<Tx>;
  /** Called for each unreadable record, which counts as missing. It may throw instead. */
  readonly onCorrupt: () => void;
}

/** The stored state of a sender. */
interface Sender {
  readonly done: number;
  readonly finished: readonly number[];
  /** The fields of the rejections whose senders may not know them yet. */
  readonly rejections?: readonly unknown[] | undefined;
  /** The latest claim. */
  readonly claim?: InboxClaim | undefined;
  readonly session?: unknown;
}

const START: Cursor = { done: 0, finished: [] };

/** The inbox of a store. Each sender has a log, without entries. */
export function storedInbox<Tx>({ store, letters, onCorrupt }: StoredInboxOptions<Tx>): Inbox<Tx> {
  type Transaction = StoreTransaction<Tx>;

  const senderIn = (head: unknown): Sender | undefined => {
    const sender = readSender(head);
    if (head !== undefined && !sender) onCorrupt();
    return sender;
  };
  /** @throws {StoreError} `fenced`, if another session has claimed the sender. */
  const ownSender = (transaction: Transaction, lease: InboxLease): MaybeAsync<Sender | undefined> =>
    chain(transaction.read(logOf(lease.pid), HEAD_ONLY), ({ head }) => {
      const sender = senderIn(head);
      if (!sender?.claim || sender.claim.owner === lease.owner) return sender;
      if (lease.isNew && isEarlier(sender.claim, lease)) return undefined;
      throw new StoreError(store.name, 'fenced');
    });
  /** Stores some fields of a sender, and a claim that is not stored yet. Keeps the other fields. */
  const change = ({ transaction, lease, sender, fields }: SenderChange<Tx>): MaybeAsync<unknown> => {
    const { pid, owner, epoch, n } = lease;
    return transaction.change(logOf(pid), {
      head: { ...(sender ?? START), ...(!sender?.claim && { claim: { owner, epoch, n } }), ...fields },
    });
  };

  return {
    durability: durable,
    deadLetters: letters,
    // Not only a read: a commit of an earlier wire of this sender may still be in progress.
    claim: (pid, decide) =>
      store.transact(logOf(pid), (transaction) =>
        chain(transaction.read(logOf(pid), HEAD_ONLY), ({ head }): MaybeAsync<ClaimedInbox> => {
          const sender = senderIn(head);
          const record = sender && recordOf(sender);
          const claim = decide(record);
          if (!claim) return { record, lease: undefined };
          store.use?.(claim.owner, logOf(pid));
          const claimed = { record, lease: { pid, ...claim, isNew: !record } };
          return sender ? chain(transaction.change(logOf(pid), { head: { ...sender, claim } }), () => claimed) : claimed;
        }),
      ),
    release: ({ owner }) => store.release?.(owner),
    commit: (lease, { done, finished, rejections }, completions) => {
      const fields = { done, finished, rejections: rejections?.map(rejectionFields) };
      const work = (transaction: Transaction) =>
        chain(ownSender(transaction, lease), (sender) => {
          for (const { effect, onEffectFailed } of completions) if (effect) transaction.perform(effect, onEffectFailed);
          return chain(change({ transaction, lease, sender, fields }), () =>
            letters.append(
              transaction,
              completions.flatMap(({ deadLetter }) => deadLetter ?? []),
            ),
          );
        });
      return converted(store.transact(logOf(lease.pid), work, completions.length), letters.emitDropped);
    },
    remember: (lease, session) =>
      converted(
        store.transact(logOf(lease.pid), (transaction) =>
          chain(ownSender(transaction, lease), (sender) => change({ transaction, lease, sender, fields: { session } })),
        ),
        () => undefined,
      ),
  };
}

interface SenderChange<Tx> {
  readonly transaction: StoreTransaction<Tx>;
  readonly lease: InboxLease;
  /** The stored state. */
  readonly sender: Sender | undefined;
  readonly fields: Partial<Sender>;
}

const logOf = (pid: string): string => `sender ${pid}`;

function recordOf({ done, finished, rejections = [], claim, session }: Sender): InboxRecord {
  const rejected = rejections.length > 0 && { rejections: rejections.filter(isRejection).map(readRejection) };
  return { cursor: { done, finished, ...rejected }, ...(claim && { claim }), session };
}

/** Returns the state of a sender that a stored value is; `undefined` if it is none. */
function readSender(value: unknown): Sender | undefined {
  const { done, finished, rejections = [], claim } = Object(value) as Record<keyof Sender, unknown>;
  const areNumbers = Number.isSafeInteger(done) && Array.isArray(finished) && finished.every(Number.isSafeInteger);
  const areRejections = Array.isArray(rejections) && rejections.every(isRejection);
  return areNumbers && areRejections && (claim === undefined || isInboxClaim(claim)) ? (value as Sender) : undefined;
}
