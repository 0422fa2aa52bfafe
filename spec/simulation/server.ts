import { noop, Subject, Subscription } from 'rxjs';
import { ProtocolError, UnsupportedError } from '../../lib/message/errors.js';
import type { Frame, Link, Wire } from '../../lib/index.js';
import { serve } from '../../lib/server/serve.js';
import type { InboxLease, InboxRecord } from '../../lib/stores/inbox.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import type { OutboxStore } from '../../lib/stores/outboxStore.js';
import { attend, surprise, type Attended } from './attend.js';
import { beginLife, codecOf, onDead, noteForgetting, type Context } from './context.js';
import { createDisk } from './disk.js';
import { lateCodec, poisonedCodec } from './lateCodec.js';
import type { Life } from './life.js';
import { newRecord, type OutboxRecord } from './outbox.js';
import { inboxOf, outboxOf } from './stores.js';
import { STRANGER } from './strangers.js';

/** A server, over all its lives; or several on one store. */
export interface Server {
  /** Its applications, one for each client that it serves now. */
  readonly current: () => readonly Attended[];
  /** What it has stored for its clients. */
  readonly outboxes: ReadonlyMap<string, OutboxRecord>;
  start(): void;
  /** One of them says goodbye to all, and begins again some time later. */
  stop(): void;
  /** One of them stands still for a while. */
  freeze(): void;
}

/** How many answers of the disk wait until a process goes on that stands still, where there are several. */
const PAUSING = 0.02;

/** One server process, over all its lives. */
type Host = Pick<Server, 'start' | 'stop' | 'freeze'>;

export function createServer(context: Context): Server {
  const { chance, extra, clock, plan, network, owners, violate, isCalm } = context;
  const mine = plan.server;
  /** Now and then a process stands still before it learns what it has written, and its client goes to another one. */
  const pause = (life: Life): void => {
    if (plan.owners === 1 || isCalm() || !extra.hit(PAUSING)) return;
    context.say(life.name, () => 'stands still');
    life.freeze(extra.whole(500, 8_000));
    network.aim(extra.whole(0, plan.owners - 1));
  };
  const disk = createDisk(clock, chance, mine.commit, pause);
  const outboxes = new Map<string, OutboxRecord>();
  const records = new Map<string, InboxRecord>();
  let wires: Attended[] = [];
  let lives = 0;
  let count = 0;

  const storeOf = (owner: Life, pid: string): OutboxStore => {
    if (mine.outbox === 'memory') return memoryOutbox();
    const record = outboxes.get(pid) ?? newRecord(chance);
    outboxes.set(pid, record);
    return outboxOf(owner, 'server', context, { disk, record });
  };
  const onFenced = (owner: Life) => (lease: InboxLease) => {
    owners.fenced(owner, lease);
    // Its session ends, and the acks that wait for a write are not stored.
    context.journal.forgetAcks(owner);
  };
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
  const serveIn = (born: Life, host: number): Subscription => {
    const links$ = new Subject<Link<Frame>>();
    network.listen(born, (link) => links$.next(link), host);
    return serve(links$, {
      codecs: [lateCodec(poisonedCodec(codecOf('server', plan), 'to-server', context.journal), mine.coding, born, context)],
      authenticate: ({ token = 'client' }) => ({ id: token }),
      ...{ scheduler: born.scheduler, microtask: born.microtask, handshakeTimeout: 2_000 },
      ...{ detachedTimeout: mine.detachedTimeout, pingInterval: mine.pingInterval },
      ...{
        window: mine.window,
        windowBytes: lives % 2 ? mine.windowBytes : 500,
        ackDelay: mine.ackDelay,
        ...(mine.maxFrame !== undefined && { maxFrame: mine.maxFrame }),
        maxQueued: mine.maxQueued,
        overflow: mine.overflow,
        onDead: (message, error) => onDead(message, error, context),
      },
      outbox: (pid) => storeOf(born, pid),
      ...(mine.inbox === 'durable' && {
        inbox: inboxOf(born, 'server', context, { disk, records, onCommitted: owners.committed, onFenced: onFenced(born) }),
      }),
      onRefused: (error) => {
        // Strangers violate the protocol. If the client did, its own wire would end with an error.
        const isExpected = error instanceof UnsupportedError || error instanceof ProtocolError;
        const why = isExpected ? undefined : surprise(error, context);
        if (why) violate('surprise', `${born.name}: ${why}: ${error.code} ${error.message}`);
      },
    }).subscribe((wire) => {
      if (wire.principal.id === STRANGER) wire.subscribe({ error: noop });
      else welcome(wire, born);
    });
  };
  const createHost = (host: number): Host => {
    let life: Life | undefined;
    let serving = Subscription.EMPTY;
    const start = (): void => {
      if (life?.isAlive()) return;
      life = beginLife('server', ++lives, context, start);
      serving = serveIn(life, host);
    };
    return {
      start,
      stop() {
        if (!life?.isAlive() || life.isFrozen()) return;
        context.say(life.name, () => 'stops');
        serving.unsubscribe();
        life.die();
        noteForgetting('server', context);
        clock.after(chance.skewed(20, 4_000), start);
      },
      freeze() {
        if (!life?.isAlive()) return;
        context.say(life.name, () => 'stands still');
        life.freeze(extra.skewed(20, 6_000));
      },
    };
  };
  const hosts = Array.from({ length: plan.owners }, (_, host) => createHost(host));
  const oneOfThem = (): Host => (hosts.length > 1 ? extra.pick(hosts) : hosts[0]!);
  const isServed = (attended: Attended): boolean => attended.life.isAlive() && !attended.isEnded();
  return {
    ...{ current: () => wires.filter(isServed), outboxes },
    start: () => hosts.forEach(({ start }) => start()),
    stop: () => oneOfThem().stop(),
    freeze: () => oneOfThem().freeze(),
  };
}
