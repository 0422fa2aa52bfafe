import type { Delivery } from '../../lib/index.js';
import type { OverflowPolicy } from '../../lib/operators/buffers/priorityQueue.js';
import type { Chance, createStreams, Stream } from './chance.js';

/** What one seed is about: drawn before it begins. */
export interface Plan {
  readonly codec: 'json' | 'msgpack' | 'bound';
  /** How long faults and traffic last, in ms. */
  readonly storm: number;
  readonly delivery: Delivery;
  readonly link: LinkPlan;
  /** How often something goes wrong besides, in ms, on average; and what: each of these is as likely as the others. */
  readonly faultEvery: number;
  readonly faults: readonly Fault[];
  /** Server processes on one store. */
  readonly owners: number;
  /** How the stores of both sides fail; undefined: they do not. */
  readonly stores?: StorePlan | undefined;
  /** How many calls of callbacks of the application throw; undefined: none. */
  readonly throwing?: number | undefined;
  /** How long it takes until the client stands still again, in ms, on average; undefined: it never does. */
  readonly pauses?: number | undefined;
  readonly client: SidePlan;
  readonly server: SidePlan & { readonly detachedTimeout: number; readonly pingInterval: number };
}

/**
 * A connection breaks, or is dropped and both ends learn of it at once; the server or the client is stopped in good order; another process takes over the client's outbox, while the first one lives on;
 * somebody else tries to be the client; the client goes to another server; a server stands still, and returns;
 * the date of one side steps.
 */
export type Fault = 'break' | 'drop' | 'stop' | 'leave' | 'rival' | 'intruder' | 'bounce' | 'freeze' | 'step';

/** Calls of stores fail for a while, and now and then by themselves. */
export interface StorePlan {
  /** How long it takes until the stores fail again, in ms, at most. */
  readonly every: number;
  /** How long they fail, in ms, at most. */
  readonly longest: number;
  /** How many calls fail then, and at other times. */
  readonly rate: number;
  readonly rest: number;
}

export interface LinkPlan {
  /** How long a frame travels, in ms. */
  readonly latency: readonly [least: number, most: number];
  /** Whether frames are lost, doubled and reordered one by one, and not only with their connection. */
  readonly isLossy: boolean;
  /** How many attempts to connect fail. */
  readonly refused: number;
}

export interface SidePlan {
  /** Whether what it sends outlives it. */
  readonly outbox: 'memory' | 'durable';
  /** Whether it outlives it how far it has processed what it received, and with which effects. */
  readonly inbox: 'none' | 'durable';
  /** How long a codec takes, in ms, at most; 0: it answers at once. */
  readonly coding: number;
  /** How long a commit takes, in ms, at most; 0: it answers at once. */
  readonly commit: number;
  /** Whether a handler is done at once, or claims the message, and finishes when it likes. */
  readonly handler: 'at once' | 'later';
  /** How long a handler takes, in ms, at most. */
  readonly handling: number;
  /** How many handlers fail at first, or for good. */
  readonly failing: number;
  /** How many messages its handlers refuse, if they claim them. */
  readonly refusing: number;
  /** How many of the messages that it sends with a number cannot be decoded by the other side. */
  readonly poison: number;
  /** How often it dies when it does something that others could see. */
  readonly crash: number;
  /** How often an outbox has no room. */
  readonly noRoom: number;
  /** Whether its receipts have a subscriber. */
  readonly isWatched: boolean;
  /** How long it lets acks wait that it does not watch, in ms. */
  readonly ackDelay: number;
  /** How many times it sends a little: up to three messages in one go. */
  readonly notices: number;
  readonly bursts: number;
  /** Messages in one burst at most. */
  readonly burst: number;
  readonly payload: number;
  /** How many messages have a ttl. */
  readonly expiring: number;
  readonly window: number;
  readonly windowBytes: number;
  readonly maxQueued: number;
  readonly overflow: OverflowPolicy;
  /** The limits of what it receives, in bytes of a frame and messages of a batch; undefined: none that matters. It sends no larger frames either. */
  readonly maxFrame?: number;
  readonly maxBatch?: number;
}

/** The errors of a full queue or store do not say which message was dropped: without receipts, no message may be dropped so. */
const UNWATCHED = { isWatched: false, maxQueued: 10_000, noRoom: 0 } as const;

const LEVELS: readonly Delivery[] = ['at-most-once', 'at-least-once', 'exactly-once'];

/**
 * @param streams Draw what came later, so that the other seeds stay as they are.
 * @param mustReturn Whether it is about a client that returns, and not only now and then.
 */
export function drawPlan(chance: Chance, { extra, ...streams }: ReturnType<typeof createStreams>, mustReturn: boolean): Plan {
  const plan = drawOne(chance, mustReturn);
  if (mustReturn) return plan;
  const owned = extra.hit(0.2) ? withOwners(plan, extra) : plan;
  const stepping: Plan = extra.hit(0.2) ? { ...owned, faults: [...owned.faults, 'step', 'step'] } : owned;
  return limited({ ...stepping, ...drawWeather(streams) }, streams.limits);
}

/** One side receives less than the other sends. A hello takes up to 700 bytes. Without receipts, the error does not say which message is too large. */
function limited(plan: Plan, { hit, pick }: Chance): Plan {
  if (!hit(0.2) || !plan.client.isWatched || !plan.server.isWatched) return plan;
  const limits = pick([{ maxFrame: 1_000 }, { maxFrame: 1_500 }, { maxBatch: 2 }, { maxFrame: 1_000, maxBatch: 3 }]);
  return hit(0.5) ? { ...plan, client: { ...plan.client, ...limits } } : { ...plan, server: { ...plan.server, ...limits } };
}

/** Draws what came last, each from its own stream. */
function drawWeather({ stores, pauses, callbacks }: Readonly<Record<Stream, Chance>>): Pick<Plan, 'stores' | 'pauses' | 'throwing'> {
  return {
    stores: stores.hit(0.2) ? drawStores(stores) : undefined,
    throwing: callbacks.hit(0.2) ? callbacks.pick([0.1, 0.5]) : undefined,
    pauses: pauses.hit(0.2) ? pauses.pick([2_000, 8_000]) : undefined,
  };
}

function drawStores({ pick }: Chance): StorePlan {
  return { every: pick([1_000, 5_000]), longest: pick([300, 3_000]), rate: pick([0.3, 1]), rest: pick([0, 0.01]) };
}

/** Several servers share one store, and the client goes from one to the other. */
function withOwners(plan: Plan, { pick }: Chance): Plan {
  // An intruder may know more than a server that stands still.
  const faults = plan.faults.filter((fault) => fault !== 'intruder' && fault !== 'rival');
  const isLight = plan.server.notices > 0;
  return {
    ...plan,
    owners: pick([2, 2, 3]),
    faultEvery: Math.min(plan.faultEvery, pick([500, 1_500])),
    faults: [...faults, 'bounce', 'bounce', 'bounce', 'bounce', 'freeze', 'freeze'],
    server: {
      ...plan.server,
      inbox: 'durable',
      outbox: isLight ? plan.server.outbox : 'durable',
      handler: pick(['later', 'later', plan.server.handler]),
    },
  };
}

function drawOne(chance: Chance, mustReturn: boolean): Plan {
  const { hit, pick } = chance;
  const isLossy = hit(0.15);
  // Much goes wrong in little time, and all of it has to outlive that.
  const isHard = hit(0.3);
  const latency = [1, pick([3, 30, 300])] as const;
  const client = drawSide(chance, isLossy, isHard);
  const server = drawSide(chance, isLossy, isHard);
  const plan = drawFates(chance, { isLossy, isHard, latency, client, server });
  const drawn = hit(0.1) || mustReturn ? returning(plan, chance) : plan;
  return hit(0.25) ? rejecting(drawn, chance) : drawn;
}

/** Messages are refused, or cannot be decoded. Drawn last: the other seeds stay as they are. */
function rejecting(plan: Plan, { pick }: Chance): Plan {
  const draw = () => ({ refusing: pick([0, 0.2]), poison: pick([0, 0.03, 0.1]) });
  return { ...plan, client: { ...plan.client, ...draw() }, server: { ...plan.server, ...draw() } };
}

interface Drawn {
  readonly isLossy: boolean;
  readonly isHard: boolean;
  readonly latency: LinkPlan['latency'];
  readonly client: SidePlan;
  readonly server: SidePlan;
}

function drawFates(chance: Chance, { isLossy, isHard, latency, client, server }: Drawn): Plan {
  const { hit, pick, whole } = chance;
  const isUnwatched = hit(0.5);
  // A server that only sends a little now and then.
  const isLight = isUnwatched && hit(isHard ? 0.4 : 0.85);
  return {
    codec: isLight ? pick(['json', 'msgpack']) : pick(['json', 'bound', 'bound', 'bound', 'msgpack']),
    owners: 1,
    storm: isHard ? whole(2_000, 8_000) : whole(5_000, 30_000),
    delivery: pick(LEVELS),
    link: { latency, isLossy, refused: pick([0, 0.2, 0.5]) },
    faultEvery: isHard ? pick([200, 500]) : pick([800, 3_000, 10_000]),
    faults: drawFaults(chance, client, server),
    client: { ...client, ...(hit(0.3) && UNWATCHED), ...(isLight && { bursts: Math.min(client.bursts, 4) }) },
    server: {
      ...server,
      // The numbers of what it sends are of no use to clients that it does not know any more.
      outbox: server.inbox === 'durable' && !isLight ? server.outbox : 'memory',
      detachedTimeout: pick([1_500, 30_000, 30_000]),
      // Nobody is taken for gone who is only slow.
      pingInterval: Math.max(whole(400, 2_000), 5 * latency[1]),
      ...(isUnwatched && UNWATCHED),
      ...(isLight && { coding: 0, notices: whole(50, 80) }),
    },
  };
}

/**
 * A client that crashes when it has finished messages out of order, and then loses one connection after the other: between its hello and its first ack it
 * may finish what was missing, and so accept what it had finished before.
 */
function returning(plan: Plan, { pick }: Chance): Plan {
  const durable = { outbox: 'durable', inbox: 'durable', handler: 'later' } as const;
  return {
    ...{ ...plan, storm: 20_000, faultEvery: 500, faults: ['drop'], link: { isLossy: false, refused: 0, latency: [1, 300] } },
    client: {
      ...plan.client,
      ...durable,
      bursts: 1,
      burst: 1,
      handling: 6_000,
      crash: 0.015,
      commit: pick([0, 5, 100]),
      window: 64,
      windowBytes: 10_000,
    },
    server: {
      ...plan.server,
      ...durable,
      notices: 0,
      bursts: 12,
      burst: 10,
      payload: pick([10, 2_000]),
      expiring: 0,
      crash: 0,
      detachedTimeout: 30_000,
      // Nobody is taken for gone who is only slow.
      pingInterval: 1_500,
      maxQueued: 10_000,
    },
  };
}

function drawFaults({ hit }: Chance, client: SidePlan, server: SidePlan): readonly Fault[] {
  const faults: Fault[] = ['break', 'break', 'break', 'break'];
  if (hit(0.2)) faults.push('stop');
  if (hit(0.2)) faults.push('leave');
  // Nothing fences an inbox: two processes must not share one.
  if (client.outbox === 'durable' && client.inbox === 'none' && hit(0.5)) faults.push('rival');
  // Who has forgotten its clients cannot tell them from others.
  if (server.inbox === 'durable' && hit(0.3)) faults.push('intruder');
  return faults;
}

function drawSide({ hit, pick, whole }: Chance, isLossy: boolean, isHard: boolean): SidePlan {
  return {
    outbox: isHard ? 'durable' : pick(['memory', 'durable']),
    inbox: hit(isHard ? 0.7 : 0.5) ? 'durable' : 'none',
    coding: pick([0, 0, 5, 100]),
    commit: pick([0, 5, 100]),
    handler: hit(isHard ? 0.8 : 0.5) ? 'later' : 'at once',
    handling: pick([10, 200, 1_500]),
    failing: pick([0, 0.1]),
    crash: isHard ? pick([0.002, 0.01]) : pick([0, 0.001, 0.004]),
    noRoom: hit(0.1) ? 0.05 : 0,
    isWatched: true,
    ackDelay: pick([25, 25, 25, 2_000]),
    notices: 0,
    bursts: whole(2, 12),
    burst: pick(isHard ? [3, 10] : [1, 5, 25]),
    payload: pick(isHard ? [10, 2_000] : [10, 10, 2_000]),
    // On a link that reorders, a frame may come before the one that says which of its messages have expired.
    expiring: isLossy ? 0 : pick([0, 0.3]),
    window: pick([4, 8, 64, 1_024]),
    windowBytes: pick(isHard ? [500, 10_000] : [500, 10_000, 1_048_576]),
    maxQueued: pick([3, 20, 10_000]),
    overflow: pick(['drop-lowest', 'drop-oldest', 'drop-newest', 'error']),
    refusing: 0,
    poison: 0,
  };
}
