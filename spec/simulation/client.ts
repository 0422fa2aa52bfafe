import { connect, StoreError, UndeliveredError } from '../../lib/index.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import type { InboxRecord } from '../../lib/stores/inbox.js';
import { attend, type Attended } from './attend.js';
import { beginLife, codecOf, onDead, noteForgetting, type Context } from './context.js';
import { createDisk } from './disk.js';
import { lateCodec, poisonedCodec } from './lateCodec.js';
import type { Life } from './life.js';
import { newRecord } from './outbox.js';
import { inboxOf, outboxOf } from './stores.js';

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
  /** Stands still for a while, as a stopped process or a frozen page does. */
  freeze(): void;
}

export function createClient(context: Context): Client {
  const { chance, streams, clock, plan, network, violate } = context;
  const mine = plan.client;
  const disk = createDisk(clock, chance, mine.commit);
  const record = newRecord(chance);
  const records = new Map<string, InboxRecord>();
  let current: Attended | undefined;
  const former: Attended[] = [];
  let count = 0;

  const storesOf = (life: Life) => ({
    outbox: mine.outbox === 'memory' ? memoryOutbox() : outboxOf(life, 'client', context, { disk, record }),
    ...(mine.inbox === 'durable' && { inbox: inboxOf(life, 'client', context, { disk, records }) }),
  });
  const live = (): void => {
    noteForgetting('client', context);
    const life = beginLife('client', ++count, context, start);
    let memory = { side: 'client' as const };
    const wire = connect({
      ...{
        link: network.link(life),
        codec: lateCodec(poisonedCodec(codecOf('client', plan), 'to-client', context.journal), mine.coding, life, context),
        delivery: plan.delivery,
        id: `client-${count}`,
      },
      ...{ scheduler: life.scheduler, microtask: life.microtask },
      ...{
        window: mine.window,
        windowBytes: count % 2 ? mine.windowBytes : 500,
        ackDelay: mine.ackDelay,
        ...(mine.maxFrame !== undefined && { maxFrame: mine.maxFrame }),
        maxQueued: mine.maxQueued,
        overflow: mine.overflow,
        onDead: (message, error) => onDead(message, error, context),
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
          if (current?.life !== life) return;
          if (plan.stores && error instanceof StoreError && error.fault !== 'fenced') restart(life);
          else if (error && !(error instanceof UndeliveredError))
            violate('drains', `${life.name} has failed: ${error instanceof Error ? error.message : ''}`);
        },
      },
      context,
    );
  };
  /** An application whose outbox has failed begins again. */
  const restart = (life: Life): void =>
    clock.soon(() => {
      life.die();
      clock.after(streams.stores.skewed(20, 4_000), start);
    });
  const start = (): void => {
    if (!current?.life.isAlive()) live();
  };
  return {
    current: () => (current?.life.isAlive() ? current : undefined),
    record,
    former: () => former.filter(({ life }) => life.isAlive()),
    start,
    freeze() {
      if (!current?.life.isAlive()) return;
      context.say(current.life.name, () => 'stands still');
      current.life.freeze(streams.pauses.skewed(20, 10_000));
    },
    stop() {
      if (!current?.life.isAlive() || current.life.isFrozen()) return;
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
