import { connect } from '../../lib/index.js';
import { memoryOutbox } from '../../lib/session/store/memoryOutbox.js';
import type { InboxRecord } from '../../lib/session/store/inbox.js';
import { attend, type Attended } from './attend.js';
import { beginLife, codecs, noteForgetting, type Context } from './context.js';
import { createDisk } from './disk.js';
import { durableInbox } from './inbox.js';
import type { Life } from './life.js';
import { durableOutbox, newRecord } from './outbox.js';

/** A client, over all its lives. */
export interface Client {
  /** Its application, while it runs. */
  readonly current: () => Attended | undefined;
  readonly record: ReturnType<typeof newRecord>;
  start(): void;
}

export function createClient(context: Context): Client {
  const { chance, clock, plan, journal, network, deliveries, violate, isCalm } = context;
  const mine = plan.client;
  const disk = createDisk(clock, chance, mine.commit);
  const record = newRecord(chance);
  const records = new Map<string, InboxRecord>();
  let current: Attended | undefined;
  let count = 0;

  const storesOf = (life: Life) => ({
    outbox:
      mine.outbox === 'memory'
        ? memoryOutbox()
        : durableOutbox(life, {
            ...{ chance, disk, record, codec: codecs[plan.codec] },
            noRoom: () => (isCalm() ? 0 : mine.noRoom),
            onStored: (ids) => ids.forEach((id) => (journal.of(id).isStored = true)),
          }),
    ...(mine.inbox === 'durable' && {
      inbox: durableInbox(life, {
        ...{ disk, records },
        onEffects: (ids) => ids.forEach((id) => deliveries.effect(id, 'client')),
        onBuried: (ids) => ids.forEach(deliveries.buried),
      }),
    }),
  });
  const start = (): void => {
    if (current?.life.isAlive()) return;
    const life = beginLife('client', ++count, context, start);
    let memory = { side: 'client' as const };
    const wire = connect({
      ...{ link: network.link(life), codec: codecs[plan.codec], delivery: plan.delivery, id: `client-${count}` },
      ...{ scheduler: life.scheduler, microtask: life.microtask },
      ...{ window: mine.window, windowBytes: mine.windowBytes, maxQueued: mine.maxQueued, overflow: mine.overflow },
      reconnect: { initialInterval: 50, maxInterval: 2_000, random: chance.random },
      ...storesOf(life),
    });
    current = attend(
      {
        ...{ wire, life, side: 'client', stream: mine.outbox === 'durable' ? 'client' : life.name },
        memory: () => memory,
        onError({ code }) {
          if (code !== 'ERR_SESSION_LOST') return;
          memory = { side: 'client' };
          noteForgetting('client', context);
        },
        onEnd(error) {
          if (error) violate('drains', `${life.name} has failed: ${String(error)}`);
        },
      },
      context,
    );
  };
  return { current: () => (current?.life.isAlive() ? current : undefined), record, start };
}
