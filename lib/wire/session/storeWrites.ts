import { identity, noop, type Unsubscribable } from 'rxjs';
import type { AsyncHost } from '../../codec/codec.js';
import { afterMicrotask } from '../../message/steadyScheduler.js';
import { StoreError, type RxwireError, type StoreFault as ReportedFault } from '../../message/errors.js';
import { chain, type MaybeAsync, type MaybePromise } from '../../message/maybeAsync.js';
import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { Rejection } from '../../core/rejection.js';
import { SessionStores } from '../../core/sessionStores.js';
import type { StoredIncoming } from '../../core/storedIncoming.js';
import type { CoreEffect, CoreEvent } from '../../core/coreTypes.js';
import type { ClientRecord, InboxWrite, WriteFault } from '../../core/storedTypes.js';
import { notifyFailed, type ClaimOutcome } from './messageClaim.js';
import type { Completion, Inbox, InboxClaim, InboxLease } from '../../stores/inbox.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { isFenced, storeErrorOf } from '../../stores/storeErrors.js';

export type StoreEffect = Extract<CoreEffect, { readonly kind: 'outbox' | 'inbox' }>;

export type WrittenOutbox = Pick<OutboxStore, 'maxMessages' | 'maxBytes' | 'write' | 'faults$'>;

export type StoreEvent = Extract<CoreEvent, { readonly kind: 'unreadable' | 'effect-failed' | 'store-failed' }>;

/** A session, as its stores use it. */
export interface StoreUser extends AsyncHost {
  readonly isOver: boolean;
  reportError(error: RxwireError): void;
  schedule(): void;
  /** Ends the session: messages get their outcomes as the writes of the stores are answered. */
  halt(): void;
  /** Called when a store or an effect fails, before the other outcomes. */
  onStoreFailing?(error: unknown): void;
  /** Called when it has failed, and all outcomes are known. */
  onStoreFailed(error: unknown): void;
}

export interface StoreWritesOptions {
  /** @default the messages are kept in memory */
  readonly outbox?: WrittenOutbox | undefined;
  /** @default nothing of the received messages is stored */
  readonly inbox?: Inbox | undefined;
  /** Returns the claim on a numbering that has no lease. @default all leases are in `leases` */
  readonly claimOf?: (() => InboxClaim) | undefined;
  /** Returns the record of a client as the inbox stores it. @default the record */
  readonly recordOf?: ((record: ClientRecord) => unknown) | undefined;
}

type InboxEffect = Extract<StoreEffect, { readonly kind: 'inbox' }>;

/** Runs the writes of one session in its stores, and answers them. */
export class StoreWrites {
  readonly core: SessionStores;
  /** The leases on the numberings of the other side, by their keys. */
  readonly leases = new Map<string, InboxLease>();
  readonly #options: StoreWritesOptions;
  /** The writes of the inbox without an answer, in order. */
  readonly #inboxWrites: InboxEffect[] = [];
  /** How many of them the inbox has received. */
  #started = 0;
  /** Why the last write has failed. */
  #error: unknown;
  /** Called once, when the session has ended and all outcomes are known. */
  #onEnded: (() => void) | undefined;

  constructor(options: StoreWritesOptions) {
    const { outbox, inbox } = options;
    this.#options = options;
    this.core = new SessionStores({
      hasOutbox: outbox !== undefined,
      hasInbox: inbox !== undefined,
      maxStored: outbox?.maxMessages ?? 0,
      ...(outbox && { maxBytes: outbox.maxBytes }),
    });
  }

  handle(event: StoreEvent, user: StoreUser): void {
    if (event.kind === 'unreadable')
      for (let count = event.count; count > 0; count--) user.reportError(new StoreError('outbox', 'corrupt'));
    else if (event.kind === 'store-failed') {
      const { store, fault } = event;
      this.fail(this.#error === undefined ? new StoreError(store, fault as ReportedFault) : storeErrorOf(store, this.#error), user);
      // A handler may process the message again. Without one, the session ends.
    } else if (!notifyFailed(event.effect as readonly ClaimOutcome[], this.#error)) this.fail(this.#error, user);
  }

  // ---- The end

  /** Ends the session because of an error of its stores. */
  fail(error: unknown, user: StoreUser): void {
    if (user.isOver || this.#onEnded) return;
    user.onStoreFailing?.(error);
    this.end(user, () => user.onStoreFailed(error));
  }
  /** Ends the session, and calls back, once, when all outcomes are known. */
  end(user: StoreUser, then: () => void): void {
    this.#onEnded ??= then;
    user.halt();
  }
  ended(): void {
    const onEnded = this.#onEnded;
    this.#onEnded = undefined;
    onEnded?.();
  }

  /** Handles the faults of the outbox that no write has caused, until it is unsubscribed. */
  watch(host: StoreUser): Unsubscribable | undefined {
    const next = (error: StoreError): void => {
      if (isFenced(error)) {
        this.fail(error, host);
        return;
      }
      host.reportError(error);
      if (error.fault !== 'evicted') return;
      // The outbox has lost its data: all of it is written again.
      this.core.outbox?.reencoded();
      host.schedule();
    };
    // The store may still store. And the program cannot subscribe to `errors$` before it has the
    // wire.
    const error = (cause: unknown): void => afterMicrotask(() => host.reportError(storeErrorOf('outbox', cause)), undefined);
    return this.#options.outbox?.faults$?.subscribe({ next, error });
  }

  /** The session has ended: the outcomes that wait may not be stored. */
  abandon(): void {
    this.#inboxWrites.length = this.#started = 0;
    for (const outcomes of this.core.inbox?.abandon() ?? [])
      for (const { onAbandoned } of (outcomes ?? []) as readonly ClaimOutcome[]) onAbandoned?.();
  }

  /** A message is finished, with outcomes that the inbox stores. */
  commit(number: number, progress: ReceiveProgress, rejection: Rejection | undefined, outcomes: readonly ClaimOutcome[]): void {
    (this.core.inbox as StoredIncoming).add(number, progress, rejection, outcomes.length > 0 ? outcomes : undefined);
  }
  run(effect: StoreEffect, host: AsyncHost): void {
    if (effect.kind === 'inbox') {
      this.#inboxWrites.push(effect);
      this.#startInboxWrites(host);
      return;
    }
    host.wait(
      () => (this.#options.outbox as WrittenOutbox).write(effect.write),
      () => host.answer(() => this.core.answered(effect.id, host.now)),
      (error) => {
        this.#error = error;
        host.answer(() => this.core.answered(effect.id, host.now, faultOf(error)));
      },
    );
  }

  #startInboxWrites(host: AsyncHost): void {
    for (let next = this.#inboxWrites[this.#started]; next; next = this.#inboxWrites[this.#started]) {
      const isOrdered = this.#options.inbox?.isOrdered === true && this.leases.has(next.write.key);
      if (this.#started > 0 && !isOrdered) return;
      this.#started++;
      this.#writeInbox(next, host);
    }
  }
  #writeInbox({ id, write }: InboxEffect, host: AsyncHost): void {
    const outcomes = write.effects.flat() as ClaimOutcome[];
    let hasThrown = false;
    const completions = watched(outcomes, () => (hasThrown = true));
    const answer = (fault?: WriteFault): void => {
      if (fault && fault !== 'effect') this.#inboxWrites.length = 0;
      this.#inboxWrites.shift();
      this.#started = Math.max(0, Math.min(this.#started - 1, this.#inboxWrites.length));
      host.answer(() => this.core.answered(id, host.now, fault));
      if (!fault) for (const { onDone } of outcomes) onDone?.();
      this.#startInboxWrites(host);
    };
    host.wait(
      () => chain(this.#leaseOf(write.key), (lease) => this.#store(lease, write, completions)),
      () => answer(),
      (error) => {
        this.#error = error;
        answer(hasThrown && !(error instanceof StoreError) ? 'effect' : faultOf(error));
      },
    );
  }
  #store(lease: InboxLease, { cursor, record }: InboxWrite, completions: readonly Completion<unknown>[]): MaybeAsync<void> {
    const { recordOf = identity } = this.#options;
    const inbox = this.#options.inbox as Inbox;
    return chain(record && inbox.remember(lease, recordOf(record)), () => chain(cursor && inbox.commit(lease, cursor, completions), noop));
  }
  #leaseOf(key: string): MaybePromise<InboxLease> {
    const known = this.leases.get(key);
    if (known) return known;
    const mine = (this.#options.claimOf as () => InboxClaim)();
    const inbox = this.#options.inbox as Inbox;
    const claimed = inbox.claim(key, (found) => ((found?.claim?.epoch ?? 0) > mine.epoch ? undefined : mine));
    return chain(claimed, ({ lease }) => {
      if (!lease) throw new StoreError('inbox', 'fenced');
      // Only messages of the latest numbering arrive.
      this.leases.clear();
      this.leases.set(key, lease);
      return lease;
    });
  }
}

function faultOf(error: unknown): WriteFault {
  const { fault } = Object(error) as Partial<StoreError>;
  const isKnown = error instanceof StoreError && (fault === 'quota' || fault === 'fenced');
  return isKnown ? fault : 'failed';
}

/** Returns completions that call `onThrow` when an effect throws, or is asynchronous. */
function watched(outcomes: readonly ClaimOutcome[], onThrow: () => void): readonly Completion<unknown>[] {
  return outcomes.map((outcome) => {
    const { effect } = outcome as { readonly effect?: (transaction: unknown) => unknown };
    if (!effect) return outcome;
    const run = (transaction: unknown): unknown => {
      try {
        const returned = effect(transaction);
        if (returned instanceof Promise) onThrow();
        return returned;
      } catch (error) {
        onThrow();
        throw error;
      }
    };
    return { ...outcome, effect: run, onEffectFailed: onThrow };
  });
}
