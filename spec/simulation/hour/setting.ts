import type { Message } from '../../../lib/index.js';
import type { Violate } from '../checks/violation.js';
import { createChance, type Chance } from '../chance.js';
import type { Clock } from '../clock.js';
import { createNetwork, type Network } from '../network.js';
import type { Tell } from '../setting.js';
import { createLedger, type Ledger } from './ledger.js';

/** What one hour is like: drawn before it begins. */
export interface HourPlan {
  /** In ms. */
  readonly length: number;
  readonly clients: number;
  /** Between two bursts of a client, in ms, on average; and messages in one, at most. */
  readonly pause: number;
  readonly burst: number;
  /** How long a handler takes, in ms, at most; and how many of its tries fail. */
  readonly handling: number;
  readonly failing: number;
  /** How many messages are such that their handler fails each time. */
  readonly poison: number;
  /** How long a commit takes, in ms, at most. */
  readonly commit: number;
  /** Between two faults of the network, in ms, on average. */
  readonly faultEvery: number;
  /** How often the server dies when it does something that others could see. */
  readonly crash: number;
  readonly maxSize: number;
  readonly maxAge: number;
  /** How long a processor works at most before another takes its place, in ms. */
  readonly shift: number;
  /** Handlers of a queue that run at once. */
  readonly concurrency: number;
}

/** How long messages and processors still come once nothing fails any more, in ms. What is left undone at the end of that, nobody stumbles over later. */
export const TAIL = 60_000;

export interface HourSetting {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly plan: HourPlan;
  readonly network: Network;
  readonly ledger: Ledger;
  readonly counts: { messages: number; cuts: number; crashes: number };
  readonly say: (who: string, what: () => string) => void;
  readonly violate: Violate;
  readonly isCalm: () => boolean;
  calmDown(): void;
}

export function createHour(seed: number, minutes: number, clock: Clock, violate: Violate, tell: Tell | undefined): HourSetting {
  const chance = createChance(seed);
  const plan = drawHour(chance, minutes);
  let isCalm = false;
  const watcher = { sent: () => undefined, taken: () => undefined, left: () => undefined, opened: () => undefined };
  const network = createNetwork({ clock, chance, watcher, plan: { latency: [1, chance.pick([5, 50])], isLossy: false, refused: 0.2 } });
  tell?.(0, 'plan', JSON.stringify(plan));
  return {
    ...{ clock, chance, plan, network, violate, ledger: createLedger(violate), counts: { messages: 0, cuts: 0, crashes: 0 } },
    say: (who, what) => tell?.(clock.now(), who, what()),
    isCalm: () => isCalm,
    calmDown() {
      isCalm = true;
      network.heal();
    },
  };
}

function drawHour({ pick, hit }: Chance, minutes: number): HourPlan {
  return {
    ...{ length: minutes * 60_000, clients: 3, pause: 10_000, burst: pick([5, 30]) },
    ...{ handling: pick([50, 300]), failing: pick([0.1, 0.3]), poison: 0.02, commit: pick([0, 5, 50]) },
    ...{ faultEvery: pick([5_000, 30_000]), crash: hit(0.7) ? pick([0.000_2, 0.001]) : 0 },
    ...{ maxSize: pick([3, 50]), maxAge: pick([1_000, 60_000]), shift: pick([2_000, 60_000]), concurrency: pick([1, 4]) },
  };
}

/** Whether no handler can process it. */
export const isPoison = ({ payload }: Message): boolean => payload === 'poison';
