import { json, msgpack, type Codec, type Message, type RxwireError } from '../../lib/index.js';
import { boundCodec } from '../support/boundCodec.js';
import type { Hello } from '../support/protocol/handshake.js';
import type { createAckChecks } from './checks/acks.js';
import type { createDeliveryChecks, Forgetting } from './checks/deliveries.js';
import type { createOwnerChecks } from './checks/owners.js';
import type { Violate } from './checks/violation.js';
import type { Chance, Stream } from './chance.js';
import type { Clock } from './clock.js';
import type { Journal } from './journal.js';
import { createLife, type Life } from './life.js';
import type { Network, Side } from './network.js';
import type { Plan } from './plan.js';
import type { Sendable } from './sendable.js';
import type { StoreFaults } from './storeFaults.js';

/** A hello that was welcomed. */
export interface Welcomed {
  readonly hello: Hello;
  /** Whether the server knew the client. The place of a client that it does not know is anybody's. */
  readonly isKnown: boolean;
  /** Whether the server goes on, as it has seen that the welcome has arrived: then the token of the hello is of no use any more. */
  isSeen: boolean;
}

/** What all parts of one run have in common. */
export interface Context {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Decides what came later, so that what `chance` decides stays as it is. */
  readonly extra: Chance;
  readonly streams: Readonly<Record<Stream, Chance>>;
  readonly plan: Plan;
  readonly journal: Journal;
  readonly network: Network;
  readonly acks: ReturnType<typeof createAckChecks>;
  readonly owners: ReturnType<typeof createOwnerChecks>;
  readonly deliveries: ReturnType<typeof createDeliveryChecks>;
  readonly forgetting: Forgetting;
  readonly sendable: Sendable;
  readonly storeFaults: StoreFaults;
  /** Functions to call when a message is given up, by its id, where receipts have no subscriber. */
  readonly givenUp: Map<string, (error: RxwireError) => void>;
  /** How much the dates of both sides are ahead of the time, in ms. */
  readonly ahead: Record<Side, number>;
  /** What has happened; `forgotten`: how often the server may have forgotten its clients. */
  readonly counts: { messages: number; cuts: number; crashes: number; forgotten: number };
  /** The hellos that were welcomed, in order. */
  readonly welcomed: readonly Welcomed[];
  readonly violate: Violate;
  /** For whoever reads what happened. */
  readonly say: (who: string, what: () => string) => void;
  /** Whether there are no faults any more. */
  readonly isCalm: () => boolean;
}

export const codecs: Readonly<Record<Plan['codec'], Codec>> = {
  json: json(),
  msgpack: msgpack(),
  bound: boundCodec(),
};

/** The callback of an application for messages that are given up. It throws, perhaps. */
export function onDead({ id }: Message, error: RxwireError, { plan, streams, givenUp, isCalm }: Context): void {
  givenUp.get(id)?.(error);
  if (plan.throwing && !isCalm() && streams.callbacks.hit(plan.throwing)) throw new Error('a callback has failed');
}

/** The codec of one side, with its limits. */
export function codecOf(side: Side, plan: Plan): Codec {
  const { maxBatch } = plan[side];
  if (maxBatch === undefined || plan.codec === 'bound') return codecs[plan.codec];
  return plan.codec === 'json' ? json({ maxBatch }) : msgpack({ maxBatch });
}

/** Begins a life that ends in a crash some day, unless it becomes calm before; `restart` begins the next one. */
export function beginLife(side: Side, number: number, context: Context, restart: () => void): Life {
  const { clock, chance, plan, counts, isCalm, say } = context;
  const name = `${side} ${number}`;
  say(name, () => 'starts');
  return createLife({
    ...{ clock, chance, name },
    ahead: () => context.ahead[side],
    crash: () => (isCalm() ? 0 : plan[side].crash),
    onCrash() {
      counts.crashes++;
      say(name, () => 'crashes');
      noteForgetting(side, context);
      clock.after(chance.skewed(20, 4_000), restart);
    },
  });
}

/** Called when one side may not know any more what it has received. */
export function noteForgetting(
  side: Side,
  { clock, plan, forgetting, counts, welcomed }: Pick<Context, 'clock' | 'plan' | 'forgetting' | 'counts' | 'welcomed'>,
): void {
  // A server stores nothing of a client that has not confirmed a welcome.
  const pid = welcomed.at(-1)?.hello.pid;
  const isStored = pid === undefined || welcomed.some(({ hello, isSeen }) => isSeen && hello.pid === pid);
  if (side === 'server' && plan.server.inbox === 'durable' && isStored) return;
  forgetting.lastBy[side] = clock.now();
  if (side === 'server') counts.forgotten++;
}
