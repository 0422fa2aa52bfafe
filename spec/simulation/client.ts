import { connect, UndeliveredError } from '../../lib/index.js';
import { memoryOutbox } from '../../lib/session/store/memoryOutbox.js';
import type { InboxRecord } from '../../lib/session/store/inbox.js';
import { attend, type Attended } from './attend.js';
import { beginLife, codecs, noteForgetting, noteStored, type Context } from './context.js';
import { createDisk } from './disk.js';
import { idsIn } from './checks/spaces.js';
import { durableInbox } from './inbox.js';
import { lateCodec, poisonedCodec } from './lateCodec.js';
import type { Life } from './life.js';
import { durableOutbox, newRecord } from './outbox.js';

/** A client, over all its lives. */
export interface Client {
  /** Its application, while it runs. */
  readonly current: () => Attended | undefined;
  readonly record: ReturnType<typeof newRecord>;
  /** Those that were taken over, and live on. */
  readonly former: () => readonly Attended[];
  start(): void;
  /** Ends without waiting for acks, and begins again some time later. */
  stop(): void;
  /** Another process takes over. */
  rival(): void;
}

export function createClient(context: Context): Client {
  const { chance, clock, plan, network, deliveries, violate, isCalm } = context;
  const mine = plan.client;
  const disk = createDisk(clock, chance, mine.commit);
  const record = newRecord(chance);
  const records = new Map<string, InboxRecord>();
  let current: Attended | undefined;
  const former: Attended[] = [];
  let count = 0;

  const storesOf = (life: Life) => ({
    outbox:
      mine.outbox === 'memory'
        ? memoryOutbox()
        : durableOutbox(life, {
            ...{ chance, disk, record, codec: codecs[plan.codec] },
            noRoom: () => (isCalm() ? 0 : mine.noRoom),
            moment: () => ({ storedAt: clock.now(), isStoredOnline: context.sendable.isNow(life, 'client') }),
            onStored: (ids, moment) => noteStored(ids, moment, context),
          }),
    ...(mine.inbox === 'durable' && {
      inbox: durableInbox(life, {
        ...{ disk, records },
        onEffects: (ids) => ids.forEach((id) => deliveries.effect(id, 'client')),
        onBuried: (ids) => ids.forEach(deliveries.buried),
        onRefused: (ids) => ids.forEach(deliveries.refused),
        onUndecodable: (body) => idsIn(body, codecs[plan.codec]).forEach(deliveries.setAside),
      }),
    }),
  });
  const live = (): void => {
    noteForgetting('client', context);
    const life = beginLife('client', ++count, context, start);
    let memory = { side: 'client' as const };
    const wire = connect({
      ...{
        link: network.link(life),
        codec: lateCodec(poisonedCodec(codecs[plan.codec], 'to-client', context.journal), mine.coding, life, context),
        delivery: plan.delivery,
        id: `client-${count}`,
      },
      ...{ scheduler: life.scheduler, microtask: life.microtask },
      ...{
        window: mine.window,
        windowBytes: count % 2 ? mine.windowBytes : 500,
        ackDelay: mine.ackDelay,
        maxQueued: mine.maxQueued,
        overflow: mine.overflow,
      },
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
          // A later one has taken over.
          if (current?.life === life && error && !(error instanceof UndeliveredError))
            violate('drains', `${life.name} has failed: ${error instanceof Error ? error.message : ''}`);
        },
      },
      context,
    );
  };
  const start = (): void => {
    if (!current?.life.isAlive()) live();
  };
  return {
    current: () => (current?.life.isAlive() ? current : undefined),
    record,
    former: () => former.filter(({ life }) => life.isAlive()),
    start,
    stop() {
      if (!current?.life.isAlive()) return;
      context.say(current.life.name, () => 'stops');
      current.wire.unsubscribe();
      current.life.die();
      clock.after(chance.skewed(20, 4_000), start);
    },
    rival() {
      if (!current?.life.isAlive()) return;
      former.push(current);
      live();
    },
  };
}
