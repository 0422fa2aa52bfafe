import type { Inbox } from '../../lib/stores/inbox.js';
import type { OutboxHead, OutboxStore, OutboxWrite } from '../../lib/stores/outboxStore.js';
import { changeOf } from '../support/outboxChange.js';
import { idsIn } from './checks/spaces.js';
import { codecs, type Context } from './context.js';
import { durableInbox, type InboxOptions, type Transaction } from './inbox.js';
import type { Life } from './life.js';
import type { Side } from './network.js';
import { durableOutbox, type OutboxOptions } from './outbox.js';

/** An outbox that outlives processes, some of whose calls fail. */
export function outboxOf(life: Life, side: Side, context: Context, { disk, record }: Pick<OutboxOptions, 'disk' | 'record'>): OutboxStore {
  const { chance, clock, plan, journal, sendable, storeFaults, isCalm } = context;
  const outbox = durableOutbox(life, {
    ...{ chance, disk, record, codec: codecs[plan.codec] },
    noRoom: () => (isCalm() ? 0 : plan[side].noRoom),
    moment: () => ({ storedAt: clock.now(), isStoredOnline: sendable.isNow(life, side) }),
    onStored(ids, moment, replaces) {
      for (const id of ids) if (!replaces || !journal.of(id).isStored) Object.assign(journal.of(id), { isStored: true, ...moment });
    },
    onSettled(ids) {
      for (const id of ids) journal.of(id).settledBy = life;
    },
    onStoring(ids, isBeingStored) {
      for (const id of ids) journal.of(id).isBeingStored = isBeingStored;
    },
  });
  let head: OutboxHead | undefined;
  const noted: OutboxStore = { ...outbox, write: (change) => ((head = change.head), outbox.write(change)) };
  return storeFaults.faulty(noted, life, {
    ...{ side, methods: ['open', 'write'], isPromised: false },
    kindOf: (method, [change]) => (method === 'write' ? changeOf(head, change as OutboxWrite) : method),
  });
}

/** An inbox that outlives processes, some of whose calls fail. */
export function inboxOf(
  life: Life,
  side: Side,
  { plan, deliveries, storeFaults }: Context,
  options: Pick<InboxOptions, 'disk' | 'records' | 'onCommitted' | 'onFenced'>,
): Inbox<Transaction> {
  const inbox = durableInbox(life, {
    ...options,
    onEffects: (ids) => ids.forEach((id) => deliveries.effect(id, side)),
    onBuried: (ids) => ids.forEach(deliveries.buried),
    onRefused: (ids) => ids.forEach(deliveries.refused),
    onUndecodable: (body) => idsIn(body, codecs[plan.codec]).forEach(deliveries.setAside),
  });
  return storeFaults.faulty(inbox, life, { side, methods: ['claim', 'commit', 'remember'], isPromised: true });
}
