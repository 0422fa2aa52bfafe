import { createAckChecks } from './checks/acks.js';
import { createAttachmentChecks } from './checks/attachments.js';
import { createDeliveryChecks } from './checks/deliveries.js';
import { createHandshakeChecks } from './checks/handshakes.js';
import { createNumberChecks } from './checks/numbers.js';
import { createOwnerChecks } from './checks/owners.js';
import type { Violate } from './checks/violation.js';
import { createChance, createStreams } from './chance.js';
import type { Clock } from './clock.js';
import { codecs, noteForgetting, type Context, type Welcomed } from './context.js';
import { isIntruder } from './intruder.js';
import type { Life } from './life.js';
import { createJournal } from './journal.js';
import { createNetwork } from './network.js';
import { drawPlan, type Plan } from './plan.js';
import { createSendable } from './sendable.js';
import { createStoreFaults } from './storeFaults.js';
import { createWatcher } from './watching.js';

/** Told what happens: when, in ms, to whom, and what. */
export type Tell = (at: number, who: string, what: string) => void;

/** In ms: what steps back must not come before the first date that there is. */
const TODAY = 1_800_000_000_000;

/** All that a run needs; `calmDown`: from now on nothing goes wrong. */
export type Setting = Context & { calmDown(): void };

export interface PlanOptions {
  readonly mustReturn: boolean;
  /** Changes the plan that the seed has drawn. */
  readonly change: (plan: Plan) => Plan;
}

export function createSetting(
  seed: number,
  clock: Clock,
  violate: Violate,
  tell: Tell | undefined,
  { mustReturn, change }: PlanOptions,
): Setting {
  const chance = createChance(seed);
  const streams = createStreams(seed);
  const plan = change(drawPlan(chance, streams, mustReturn));
  const journal = createJournal();
  const codec = codecs[plan.codec];
  const counts = { messages: 0, cuts: 0, crashes: 0, forgotten: 0 };
  const forgetting = { lastBy: { client: -1, server: -1 } };
  const say = (who: string, what: () => string): void => tell?.(clock.now(), who, what());
  const hasForgotten = () => {
    const seen = new Map<string, number>();
    return (pid: string): boolean => {
      const before = seen.get(pid) ?? 0;
      seen.set(pid, counts.forgotten);
      return counts.forgotten > before;
    };
  };
  const welcomed: Welcomed[] = [];
  const numbers = createNumberChecks({
    ...{ codec, journal, violate, hasForgotten: hasForgotten(), now: clock.now },
    isSlow: (side) => plan[side].coding > 0,
    onSetAside: (id) => deliveries.setAside(id),
    receiverOf: ({ ends }) => (plan.client.inbox === 'durable' && plan.client.outbox === 'durable' ? 'client' : ends.client.life.name),
  });
  const attachments = createAttachmentChecks({
    violate,
    hasForgotten: hasForgotten(),
    isIntruder: ({ ends }) => isIntruder(ends.client.life.name),
    soon: clock.soon,
  });
  const owners = createOwnerChecks(violate);
  const sendable = createSendable(clock.now);
  const acks = createAckChecks({ codec, journal, plan, now: clock.now, violate });
  const handshakes = createHandshakeChecks(clock.now, violate);
  // A server that has not stored a client yet knows it alone.
  const onMoved = (): void => noteForgetting('server', { clock, plan, forgetting, counts, welcomed });
  const watcher = createWatcher({ codec, numbers, acks, handshakes, owners, sendable, attachments, welcomed, onMoved, say });
  const network = createNetwork({ clock, chance, plan: plan.link, watcher });
  const deliveries = createDeliveryChecks({ journal, plan, now: clock.now, forgetting, sendable, violate });
  let isCalm = false;
  const calmDown = (): void => {
    isCalm = true;
    network.heal();
  };
  // A session ends with its outbox, and the next one does not know what the last acks were.
  const onFailed = (life: Life, kind: string): void => {
    if (['append', 'trim', 'mark', 'replace'].includes(kind)) journal.forgetAcks(life);
  };
  const storeFaults = createStoreFaults({ clock, chance: streams.stores, plan: plan.stores, isCalm: () => isCalm, say, onFailed });
  tell?.(0, 'plan', JSON.stringify(plan));
  return {
    clock,
    chance,
    ...{ extra: streams.extra, streams },
    ahead: plan.faults.includes('step') ? { client: TODAY, server: TODAY } : { client: 0, server: 0 },
    plan,
    journal,
    network,
    acks,
    owners,
    deliveries,
    sendable,
    storeFaults,
    givenUp: new Map(),
    forgetting,
    counts,
    welcomed,
    violate,
    say,
    isCalm: () => isCalm,
    calmDown,
  };
}
