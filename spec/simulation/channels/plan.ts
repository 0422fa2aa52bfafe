import { json, msgpack, type Codec } from '../../../lib/index.js';
import type { Chance } from '../chance.js';
import { USUAL_LIMITS, type CodecName, type Limits } from './poison.js';

export interface HubPlan {
  readonly codecs: readonly CodecName[];
  readonly maxSize: number;
  readonly maxFrame: number;
}

export interface MemberPlan {
  readonly name: string;
  readonly hub: number;
  readonly codec: CodecName;
  readonly limits: Limits;
  /** The messages that it takes before it acks: few for a slow reader. */
  readonly window: number;
  readonly watches: boolean;
  readonly isKeyed: boolean;
}

export const FAULTS = ['cut', 'log', 'tail', 'come', 'reload', 'sleep', 'history'] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface ChannelsPlan {
  readonly hubs: readonly HubPlan[];
  readonly members: readonly MemberPlan[];
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
  /** How often the log is late. */
  readonly late: number;
  readonly detachedTimeout: number;
  /** The messages that may wait at a hub for one client. */
  readonly maxQueued: number;
  readonly ends: boolean;
  /** What goes wrong, each time one of these. */
  readonly faults: readonly FaultKind[];
  /** The mean time between two faults, in ms. */
  readonly faultEvery: number;
}

const CODECS: readonly (readonly CodecName[])[] = [['json', 'msgpack'], ['msgpack', 'json'], ['json'], ['msgpack']];

export function drawPlan(chance: Chance): ChannelsPlan {
  const hubs = Array.from({ length: chance.whole(2, 3) }, (): HubPlan => {
    const maxSize = chance.pick([1_500, 3_000, 6_000]);
    return { codecs: chance.pick(CODECS), maxSize, maxFrame: chance.pick([maxSize + 2_500, USUAL_LIMITS.maxFrame]) };
  });
  const members = Array.from({ length: chance.whole(2, 5) }, (_, index): MemberPlan => {
    const hub = chance.whole(0, hubs.length - 1);
    const isLimited = chance.hit(0.3);
    const pick = <T>(lower: T, usual: T): T => (isLimited && chance.hit(0.5) ? lower : usual);
    return {
      name: `m${index + 1}`,
      hub,
      codec: chance.pick(hubs[hub]!.codecs),
      limits: {
        maxFrame: pick(chance.pick([2_000, 3_500]), USUAL_LIMITS.maxFrame),
        maxDepth: pick(24, USUAL_LIMITS.maxDepth),
        maxNodes: pick(200, USUAL_LIMITS.maxNodes),
      },
      window: chance.pick([4, 16, 1_024]),
      watches: chance.hit(0.6),
      isKeyed: chance.hit(0.4),
    };
  });
  return {
    hubs,
    members,
    length: chance.pick([3_000, 8_000, 15_000]),
    latency: chance.pick([1, 10, 80]),
    pause: chance.pick([100, 200, 400]),
    burst: chance.pick([3, 10, 40]),
    messages: chance.pick([20, 60, 120]),
    poison: chance.pick([0.1, 0.3, 0.8]),
    late: chance.pick([0, 0, 0.3]),
    detachedTimeout: chance.pick([2_000, 30_000]),
    maxQueued: chance.pick([64, 10_000]),
    ends: chance.hit(0.3),
    faults: FAULTS.filter(() => chance.hit(0.7)),
    faultEvery: chance.pick([200, 600, 2_000]),
  };
}

/** Returns a codec that announces limits of a receiver, as those of other programs may have them. */
export function codecOf(name: CodecName, { maxDepth, maxNodes }: Limits = USUAL_LIMITS): Codec {
  const codec = name === 'json' ? json() : msgpack();
  return { ...codec, limits: { ...codec.limits, maxDepth, ...(name === 'msgpack' && { maxNodes }) } };
}
