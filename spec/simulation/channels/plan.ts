import { json, msgpack, type Codec } from '../../../lib/index.js';
import type { Chance } from '../chance.js';
import { USUAL_LIMITS, type CodecName, type Limits } from './poison.js';

export interface HubPlan {
  readonly codecs: readonly CodecName[];
  readonly maxSize: number;
  readonly maxFrame: number;
  /** How long a member without a connection stays present, in ms. */
  readonly lostGrace: number;
}

export interface MemberPlan {
  readonly name: string;
  readonly hub: number;
  /** The first of them that the hub has is used. */
  readonly codecs: readonly CodecName[];
  readonly limits: Limits;
  /** The messages that it takes before it acks: few for a slow reader. */
  readonly window: number;
  readonly watches: boolean;
  readonly isKeyed: boolean;
  /** Where it begins to read. `remember`: at the start, and then at the position that its page has stored. */
  readonly from: 'start' | 'live' | 'last' | 'remember';
}

/** How a log keeps messages. */
export interface LogPlan {
  readonly kind: 'memory' | 'model';
  /** The maximum number of messages of the ordinary channel. */
  readonly keep: number;
  /** The maximum number of messages of a slice, and the most by which an offset is higher than the one before, in a model. */
  readonly page: number;
  readonly stride: number;
}

export const FAULTS = [
  ...(['cut', 'log', 'once', 'tail', 'come', 'reload', 'sleep', 'history', 'kill', 'move', 'pause'] as const),
  ...(['crash', 'crash', 'crash at store', 'forget', 'back up', 'restore', 'compact', 'step'] as const),
];
export type FaultKind = (typeof FAULTS)[number];

/** It leaves the channel, its page is closed, or its process dies. */
export type Quit = 'leave' | 'close' | 'die';

export interface ChannelsPlan {
  readonly hubs: readonly HubPlan[];
  readonly members: readonly MemberPlan[];
  readonly log: LogPlan;
  /** The time in which messages are published, and faults happen, in ms. */
  readonly length: number;
  readonly latency: number;
  /** The time between two bursts, in ms, and the most messages of a burst. */
  readonly pause: number;
  readonly burst: number;
  /** The most messages of all. */
  readonly messages: number;
  /** The share of messages that some wire cannot carry. */
  readonly poison: number;
  /** The share of messages that have the id of another one. */
  readonly repeats: number;
  /** The share of messages that are not stored. */
  readonly ephemeral: number;
  /** How often the log is late. */
  readonly late: number;
  readonly detachedTimeout: number;
  /** The messages that may wait at a hub for one client. */
  readonly maxQueued: number;
  /** When the channel ends: amid all else, at the end, or never. */
  readonly ends: 'amid' | 'late' | 'never';
  /** Whether the hubs compact an ended channel. */
  readonly compacts: boolean;
  /** How one member goes for good, at the end of the faults. */
  readonly quits: Quit | undefined;
  /** What goes wrong, each time one of these. */
  readonly faults: readonly FaultKind[];
  /** The mean time between two faults, in ms. */
  readonly faultEvery: number;
}

const CODECS: readonly (readonly CodecName[])[] = [['json', 'msgpack'], ['msgpack', 'json'], ['json'], ['msgpack']];
/** The share of stories with few messages, which are over soon. */
const SMALL = 0.9;

export function drawPlan(chance: Chance): ChannelsPlan {
  const isSmall = chance.hit(SMALL);
  const size = <T>(small: readonly T[], large: readonly T[]): T => chance.pick(isSmall ? small : large);
  const hubs = Array.from({ length: size([1, 2, 2], [2, 3]) }, (): HubPlan => {
    const maxSize = chance.pick([1_500, 3_000, 6_000]);
    return {
      codecs: chance.pick(CODECS),
      maxSize,
      maxFrame: chance.pick([maxSize + 2_500, USUAL_LIMITS.maxFrame]),
      lostGrace: chance.pick([Infinity, Infinity, 0, 500]),
    };
  });
  const members = Array.from({ length: size([1, 2, 2, 3], [2, 3, 4, 5]) }, (_, index): MemberPlan => {
    const hub = chance.whole(0, hubs.length - 1);
    const isLimited = chance.hit(0.3);
    const pick = <T>(lower: T, usual: T): T => (isLimited && chance.hit(0.5) ? lower : usual);
    const [codec] = [chance.pick(hubs[hub]!.codecs)];
    return {
      name: `m${index + 1}`,
      hub,
      codecs: chance.hit(0.3) ? CODECS.find(([first, second]) => first === codec && second)! : [codec],
      limits: {
        maxFrame: pick(chance.pick([2_000, 3_500]), USUAL_LIMITS.maxFrame),
        maxDepth: pick(24, USUAL_LIMITS.maxDepth),
        maxNodes: pick(200, USUAL_LIMITS.maxNodes),
      },
      window: chance.pick([4, 16, 1_024]),
      watches: chance.hit(0.6),
      isKeyed: chance.hit(0.3),
      from: chance.pick(['start', 'start', 'live', 'last', 'remember', 'remember'] as const),
    };
  });
  return {
    hubs,
    members,
    log: {
      kind: chance.pick(['memory', 'model'] as const),
      keep: chance.hit(0.5) ? 1e6 : size([2, 4, 8], [5, 20]),
      page: chance.pick([2, 7, 256]),
      stride: chance.pick([1, 1, 4]),
    },
    length: size([500, 1_500, 3_000], [3_000, 8_000, 15_000]),
    latency: chance.pick([1, 10, 80]),
    pause: size([50, 100], [100, 200, 400]),
    burst: size([1, 3, 5], [3, 10, 40]),
    messages: size([4, 8, 12], [20, 60, 120]),
    poison: chance.pick([0, 0.1, 0.3, 0.8]),
    repeats: chance.pick([0, 0.2]),
    ephemeral: chance.pick([0, 0.2]),
    late: chance.pick([0, 0, 0.3]),
    detachedTimeout: size([1_000, 5_000], [2_000, 30_000]),
    maxQueued: chance.pick([8, 64, 10_000]),
    ends: chance.pick(['amid', 'late', 'never', 'never'] as const),
    compacts: chance.hit(0.5),
    quits: members.length > 1 ? chance.pick([undefined, undefined, 'leave', 'close', 'die'] as const) : undefined,
    faults: FAULTS.filter(() => chance.hit(isSmall ? 0.4 : 0.6)),
    faultEvery: size([60, 150, 400], [200, 600, 2_000]),
  };
}

/** Returns a codec that announces limits of a receiver, as those of other programs may have them. */
export function codecOf(name: CodecName, { maxDepth, maxNodes }: Limits = USUAL_LIMITS): Codec {
  const codec = name === 'json' ? json() : msgpack();
  return { ...codec, limits: { ...codec.limits, maxDepth, ...(name === 'msgpack' && { maxNodes }) } };
}
