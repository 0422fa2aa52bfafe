import { createAckChecks } from './checks/acks.js';
import { createAttachmentChecks } from './checks/attachments.js';
import { createDeliveryChecks } from './checks/deliveries.js';
import { createNumberChecks } from './checks/numbers.js';
import type { Violate } from './checks/violation.js';
import { createChance } from './chance.js';
import type { Clock } from './clock.js';
import { codecs, type Context, type Welcomed } from './context.js';
import { isIntruder } from './intruder.js';
import { createJournal } from './journal.js';
import { createNetwork } from './network.js';
import { drawPlan } from './plan.js';
import { createSendable } from './sendable.js';
import { createWatcher } from './watching.js';

/** Told what happens: when, in ms, to whom, and what. */
export type Tell = (at: number, who: string, what: string) => void;

/** All that a run needs; `calmDown`: from now on nothing goes wrong. */
export type Setting = Context & { calmDown(): void };

export function createSetting(seed: number, clock: Clock, violate: Violate, tell: Tell | undefined, mustReturn: boolean): Setting {
  const chance = createChance(seed);
  const plan = drawPlan(chance, mustReturn);
  const journal = createJournal();
  const codec = codecs[plan.codec];
  const counts = { messages: 0, cuts: 0, crashes: 0, forgotten: 0, hibernatingSends: 0 };
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
  const sendable = createSendable(clock.now);
  const acks = createAckChecks({ codec, journal, plan, now: clock.now, violate });
  const watcher = createWatcher({ codec, numbers, acks, sendable, attachments, welcomed, say });
  const network = createNetwork({ clock, chance, plan: plan.link, watcher });
  const deliveries = createDeliveryChecks({ journal, plan, now: clock.now, forgetting, sendable, violate });
  let isCalm = false;
  const calmDown = (): void => {
    isCalm = true;
    network.heal();
  };
  tell?.(0, 'plan', JSON.stringify(plan));
  return {
    clock,
    chance,
    plan,
    journal,
    network,
    acks,
    deliveries,
    sendable,
    forgetting,
    counts,
    welcomed,
    violate,
    say,
    isCalm: () => isCalm,
    calmDown,
  };
}
