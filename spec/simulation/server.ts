import { Subject, Subscription } from 'rxjs';
import type { Frame, Link, Wire } from '../../lib/index.js';
import { serve } from '../../lib/server/serve.js';
import type { InboxRecord } from '../../lib/session/store/inbox.js';
import { memoryOutbox } from '../../lib/session/store/memoryOutbox.js';
import type { OutboxStore } from '../../lib/session/store/outboxStore.js';
import { attend, type Attended } from './attend.js';
import { beginLife, codecs, noteForgetting, noteStored, type Context } from './context.js';
import { createDisk } from './disk.js';
import { idsIn } from './checks/spaces.js';
import { durableInbox } from './inbox.js';
import { lateCodec, poisonedCodec } from './lateCodec.js';
import type { Life } from './life.js';
import { durableOutbox, newRecord, type OutboxRecord } from './outbox.js';

/** A server, over all its lives. */
export interface Server {
  /** Its applications, one for each client that it serves now. */
  readonly current: () => readonly Attended[];
  readonly life: () => Life | undefined;
  /** What it has stored for its clients. */
  readonly outboxes: ReadonlyMap<string, OutboxRecord>;
  start(): void;
  /** Says goodbye to all, and begins again some time later. */
  stop(): void;
}

export function createServer(context: Context): Server {
  const { chance, clock, plan, network, deliveries, isCalm } = context;
  const mine = plan.server;
  const disk = createDisk(clock, chance, mine.commit);
  const outboxes = new Map<string, OutboxRecord>();
  const records = new Map<string, InboxRecord>();
  let life: Life | undefined;
  let wires: Attended[] = [];
  let serving = Subscription.EMPTY;
  let lives = 0;
  let count = 0;

  const outboxOf = (owner: Life, pid: string): OutboxStore => {
    if (mine.outbox === 'memory') return memoryOutbox();
    const record = outboxes.get(pid) ?? newRecord(chance);
    outboxes.set(pid, record);
    return durableOutbox(owner, {
      ...{ chance, disk, record, codec: codecs[plan.codec] },
      noRoom: () => (isCalm() ? 0 : mine.noRoom),
      moment: () => ({ storedAt: clock.now(), isStoredOnline: context.sendable.isNow(owner, 'server') }),
      onStored: (ids, moment) => noteStored(ids, moment, context),
    });
  };
  const inboxOf = (owner: Life) =>
    durableInbox(owner, {
      ...{ disk, records },
      onEffects: (ids) => ids.forEach((id) => deliveries.effect(id, 'server')),
      onBuried: (ids) => ids.forEach(deliveries.buried),
      onRefused: (ids) => ids.forEach(deliveries.refused),
      onUndecodable: (body) => idsIn(body, codecs[plan.codec]).forEach(deliveries.setAside),
    });
  const welcome = (wire: Wire, owner: Life): void => {
    const memory = { side: 'server' as const };
    const attended = attend(
      {
        ...{ wire, life: owner, side: 'server', stream: `server wire ${++count}` },
        memory: () => memory,
        onEnd: () => noteForgetting('server', context),
      },
      context,
    );
    wires = [...wires.filter(isServed), attended];
  };
  const start = (): void => {
    if (life?.isAlive()) return;
    const born = beginLife('server', ++lives, context, start);
    life = born;
    const links$ = new Subject<Link<Frame>>();
    serving = serve(links$, {
      codecs: [lateCodec(poisonedCodec(codecs[plan.codec], 'to-server', context.journal), mine.coding, born, context)],
      ...{ scheduler: born.scheduler, microtask: born.microtask, helloTimeout: 2_000 },
      ...{ detachedTimeout: mine.detachedTimeout, pingInterval: mine.pingInterval, ...(mine.hibernates && { hibernateAfter: 5 }) },
      ...{
        window: mine.window,
        windowBytes: lives % 2 ? mine.windowBytes : 500,
        ackDelay: mine.ackDelay,
        maxQueued: mine.maxQueued,
        overflow: mine.overflow,
      },
      outbox: (pid) => outboxOf(born, pid),
      ...(mine.inbox === 'durable' && { inbox: inboxOf(born) }),
    }).subscribe((wire) => welcome(wire, born));
    network.listen(born, (link) => links$.next(link));
  };
  const isServed = (attended: Attended): boolean => attended.life.isAlive() && !attended.isEnded();
  const stop = (): void => {
    if (!life?.isAlive()) return;
    context.say(life.name, () => 'stops');
    serving.unsubscribe();
    life.die();
    noteForgetting('server', context);
    clock.after(chance.skewed(20, 4_000), start);
  };
  return { current: () => wires.filter(isServed), life: () => life, outboxes, start, stop };
}
