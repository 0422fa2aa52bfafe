import { json, msgpack, type Codec } from '../../lib/index.js';
import { boundCodec } from '../support/boundCodec.js';
import type { Hello } from '../../lib/session/protocol/handshake.js';
import type { createAckChecks } from './checks/acks.js';
import type { createDeliveryChecks, Forgetting } from './checks/deliveries.js';
import type { Violate } from './checks/violation.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { Journal } from './journal.js';
import { createLife, type Life } from './life.js';
import type { Network, Side } from './network.js';
import type { StoringMoment } from './outbox.js';
import type { Plan } from './plan.js';
import type { Sendable } from './sendable.js';

/** A hello that was welcomed. */
export interface Welcomed {
  readonly hello: Hello;
  /** Whether the server goes on, as it has seen that the welcome has arrived: then the token of the hello is of no use any more. */
  isSeen: boolean;
}

/** What all parts of one run have in common. */
export interface Context {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly plan: Plan;
  readonly journal: Journal;
  readonly network: Network;
  readonly acks: ReturnType<typeof createAckChecks>;
  readonly deliveries: ReturnType<typeof createDeliveryChecks>;
  readonly forgetting: Forgetting;
  readonly sendable: Sendable;
  /** What has happened; `forgotten`: how often the server may have forgotten its clients; `hibernatingSends`: the batches that sessions sent while they hibernated. */
  readonly counts: { messages: number; cuts: number; crashes: number; forgotten: number; hibernatingSends: number };
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

/** Begins a life that ends in a crash some day, unless it becomes calm before; `restart` begins the next one. */
export function beginLife(side: Side, number: number, context: Context, restart: () => void): Life {
  const { clock, chance, plan, counts, isCalm, say } = context;
  const name = `${side} ${number}`;
  say(name, () => 'starts');
  return createLife({
    ...{ clock, chance, name },
    crash: () => (isCalm() ? 0 : plan[side].crash),
    onCrash() {
      counts.crashes++;
      say(name, () => 'crashes');
      noteForgetting(side, context);
      clock.after(chance.skewed(20, 4_000), restart);
    },
  });
}

/** Called with messages that a durable outbox has stored. */
export function noteStored(ids: readonly string[], moment: StoringMoment, { journal }: Context): void {
  for (const id of ids) Object.assign(journal.of(id), { isStored: true, ...moment });
}

/** Called when one side may not know any more what it has received. */
export function noteForgetting(side: Side, { clock, plan, forgetting, counts }: Context): void {
  if (side === 'server' && plan.server.inbox === 'durable') return;
  forgetting.lastBy[side] = clock.now();
  if (side === 'server') counts.forgotten++;
}
