import { readRejection, rejectionFields, type NumberedRejection, type RejectionFields } from '../../core/rejection.js';
import type { Cursor } from '../../core/storedTypes.js';
import { StoreError } from '../../message/errors.js';
import { chain, converted, type MaybeAsync } from '../../message/maybeAsync.js';
import { durable } from '../../wire/session/clientStores.js';
import { isEarlier, isInboxClaim } from '../helloNumber.js';
import type { ClaimedInbox, Inbox, InboxClaim, InboxLease, InboxRecord } from '../inbox.js';
import { HEAD_ONLY, type Store, type StoreTransaction } from '../store.js';
import type { StoredLetters } from './storedLetters.js';

interface Sender {
  readonly done: number;
  readonly finished: readonly number[];
  /** The fields of the rejections whose senders may not know them yet. */
  readonly rejections?: readonly RejectionFields[] | undefined;
  readonly claim?: InboxClaim | undefined;
  readonly session?: unknown;
}

const START: Cursor = { done: 0, finished: [] };

/**
 * The inbox of a store. Each sender has a log, without entries.
 *
 * @param letters The dead letters in the same store.
 * @param onCorrupt Called for each unreadable record, which counts as missing. It may throw.
 */
export function storedInbox<Tx>(
  store: Store<Tx>,
  letters: StoredLetters<Tx>,
  onCorrupt: () => void,
): Inbox<Tx> & { readonly deadLetters: StoredLetters<Tx> } {
  type Transaction = StoreTransaction<Tx>;

  const senderIn = (head: unknown): Sender | undefined => {
    const sender = readSender(head);
    if (head !== undefined && !sender) onCorrupt();
    return sender;
  };
  /**
   * Returns a function that stores some fields of a sender, and a claim that is not stored yet.
   *
   * @throws {StoreError} `fenced`, if another session has claimed the sender.
   */
  const owned = (transaction: Transaction, lease: InboxLease): MaybeAsync<(fields: Partial<Sender>) => MaybeAsync<unknown>> =>
    chain(transaction.read(logOf(lease.pid), HEAD_ONLY), ({ head }) => {
      const { pid, owner, epoch, n } = lease;
      let sender = senderIn(head);
      if (sender?.claim && sender.claim.owner !== owner) {
        if (!lease.isNew || !isEarlier(sender.claim, lease)) throw new StoreError(store.name, 'fenced');
        sender = undefined;
      }
      const claimed = { ...(sender ?? START), ...(!sender?.claim && { claim: { owner, epoch, n } }) };
      return (fields) => transaction.change(logOf(pid), { head: { ...claimed, ...fields } });
    });

  return {
    durability: durable,
    isOrdered: true,
    deadLetters: letters,
    // Not only a read: a commit of an earlier wire of this sender may still be in progress.
    claim(pid, decide) {
      const work = (transaction: Transaction) =>
        chain(transaction.read(logOf(pid), HEAD_ONLY), ({ head }): MaybeAsync<ClaimedInbox> => {
          const sender = senderIn(head);
          const record = sender && recordOf(sender);
          const decided = decide(record);
          if (!decided) return { record, lease: undefined };
          const { session = sender?.session, ...claim } = decided;
          const claimed = { record, lease: { pid, ...claim, isNew: !record } };
          if (!sender) return claimed;
          const isRemembered = session !== sender.session;
          return chain(transaction.change(logOf(pid), { head: { ...sender, claim, session } }), () => ({ ...claimed, isRemembered }));
        });
      // A claim that fails, or is decided again, has no lease that would be released.
      return converted(store.transact(logOf(pid), work), (claimed) => {
        if (claimed.lease) store.use?.(claimed.lease.owner, logOf(pid));
        return claimed;
      });
    },
    release: ({ owner }) => store.release?.(owner),
    commit: (lease, { done, finished, rejections }, completions) => {
      const fields = { done, finished, rejections: rejections?.map(rejectionFields) };
      const work = (transaction: Transaction) =>
        chain(owned(transaction, lease), (change) => {
          for (const { effect, onEffectFailed } of completions) if (effect) transaction.perform(effect, onEffectFailed);
          return chain(change(fields), () =>
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
        store.transact(logOf(lease.pid), (transaction) => chain(owned(transaction, lease), (change) => change({ session }))),
        () => undefined,
      ),
  };
}

const logOf = (pid: string): string => `sender ${pid}`;

function recordOf({ done, finished, rejections = [], claim, session }: Sender): InboxRecord {
  const rejected = rejections.length > 0 && { rejections: rejections.map(readRejection) as NumberedRejection[] };
  return { cursor: { done, finished, ...rejected }, ...(claim && { claim }), session };
}

/** Returns the state of a sender that a stored value is; `undefined` if it is none. */
function readSender(value: unknown): Sender | undefined {
  const { done, finished, rejections = [], claim } = Object(value) as Record<keyof Sender, unknown>;
  const areNumbers = Number.isSafeInteger(done) && Array.isArray(finished) && finished.every(Number.isSafeInteger);
  const areRejections = Array.isArray(rejections) && rejections.every(readRejection);
  return areNumbers && areRejections && (claim === undefined || isInboxClaim(claim)) ? (value as Sender) : undefined;
}
