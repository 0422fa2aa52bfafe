import type { Message } from '../../lib/index.js';
import { claim, type ClaimOutcome } from '../../lib/wire/session/messageClaim.js';
import type { Memory } from './checks/deliveries.js';
import type { Chance } from './chance.js';
import type { Journal } from './journal.js';
import type { Life } from './life.js';
import type { Side } from './network.js';
import type { SidePlan } from './plan.js';
import type { Rejection } from '../../lib/core/rejection.js';
import type { Transaction } from './inbox.js';

export interface HandlerOptions {
  readonly life: Life;
  readonly side: Side;
  readonly plan: SidePlan;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly memory: () => Memory;
  readonly onHanded: (id: string, memory: Memory) => void;
  readonly onEffect: (id: string) => void;
  readonly onBuried: (id: string) => void;
  readonly onRefused: (id: string) => void;
  /** Called when a handler is told that it has failed, and it has not. */
  readonly onBlamed: (id: string) => void;
  /** How many messages are claimed: one more, or one less. */
  readonly onClaimed: (change: 1 | -1) => void;
  /** Whether nothing fails any more. */
  readonly isCalm: () => boolean;
}

/** What an application does with a message: at once, or later and in any order; sometimes it fails, and tries again. */
export function createHandler(options: HandlerOptions): (message: Message) => void {
  const { life, plan, chance, journal, memory, onHanded, onEffect, onClaimed } = options;

  const later = (message: Message, finish: (outcome: ClaimOutcome) => void): void => {
    let attempts = 0;
    const end = (): void => {
      attempts++;
      const isFailing = chance.hit(plan.failing) && !options.isCalm();
      const retry = (): void => void life.scheduler.schedule(end, 50);
      if (isFailing && attempts < 3 && plan.inbox === 'none') return retry();
      if (!life.step()) return;
      onClaimed(-1);
      const isUnwanted = journal.of(message.id).isUnwanted;
      if (isUnwanted) refuse(message.id, finish, options);
      else if (plan.inbox === 'none') finishHere(message.id, isFailing, finish, options);
      else {
        const onFailed = (): void => {
          onClaimed(1);
          if (!isFailing) options.onBlamed(message.id);
          retry();
        };
        finish(isFailing && attempts > 2 ? buried(message, attempts) : { effect: effectOf(message.id, isFailing), onFailed });
      }
    };
    onClaimed(1);
    life.scheduler.schedule(end, chance.skewed(0, plan.handling));
  };
  return (message) => {
    onHanded(message.id, memory());
    // Nobody waits for what may be lost.
    const isUnsure = journal.of(message.id).level === 'at-most-once';
    const held = plan.handler === 'later' && !isUnsure ? claim(message) : undefined;
    if (held) later(message, (outcome) => held.end(outcome));
    else if (life.step()) onEffect(message.id);
  };
}

/** What it brings about is not in the inbox's hands: it comes first, and may be there without the message being acked. */
function finishHere(
  id: string,
  isFailing: boolean,
  finish: (outcome: ClaimOutcome) => void,
  { life, onEffect, onBuried }: HandlerOptions,
): void {
  if (isFailing) onBuried(id);
  else onEffect(id);
  if (life.step()) finish(isFailing ? { rejection: BURIED } : {});
}

const BURIED: Rejection = { kind: 'dead-lettered', code: 'ERR_HANDLER', reason: 'it fails each time' };
const REFUSED: Rejection = { kind: 'refused', code: 'ERR_SIMULATED', reason: 'it is not wanted' };

/** Refuses a message. With an inbox, its transaction records that. */
function refuse(id: string, finish: (outcome: ClaimOutcome) => void, { plan, onRefused }: HandlerOptions): void {
  if (plan.inbox === 'none') {
    onRefused(id);
    finish({ rejection: REFUSED });
  } else finish({ rejection: REFUSED, effect: (transaction) => (transaction as Transaction)(id, true) });
}

function effectOf(id: string, isFailing: boolean): (transaction: unknown) => void {
  return (transaction) => {
    (transaction as Transaction)(id);
    if (isFailing) throw new Error('the transaction is undone');
  };
}

function buried(message: Message, attempts: number): ClaimOutcome {
  return { rejection: BURIED, deadLetter: { message, reason: 'it fails each time', error: '', attempts, history: [], at: 0 } };
}
