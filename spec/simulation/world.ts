import { createAttachmentChecks } from './checks/attachments.js';
import { checkApplication, checkOutbox } from './checks/bounds.js';
import { createDeliveryChecks } from './checks/deliveries.js';
import { checkDrained, checkGone } from './checks/ending.js';
import { createNumberChecks } from './checks/numbers.js';
import type { Invariant, Violate } from './checks/violation.js';
import { createChance } from './chance.js';
import { createClient, type Client } from './client.js';
import { createClock } from './clock.js';
import { codecs, type Context, type Welcomed } from './context.js';
import { strike } from './faults.js';
import { createIntruder, isIntruder } from './intruder.js';
import { createJournal } from './journal.js';
import { createNetwork } from './network.js';
import { drawPlan } from './plan.js';
import { createServer, type Server } from './server.js';
import { sendBursts } from './traffic.js';
import { createWatcher } from './watching.js';

/** What has gone wrong. */
export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
  /** In ms. */
  readonly at: number;
}

/** What came of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly messages: number;
  readonly cuts: number;
  readonly crashes: number;
}

/** Told what happens: when, in ms, to whom, and what. */
export type Tell = (at: number, who: string, what: string) => void;

/** How long it may take until all is done once nothing fails any more, in ms. */
const CALM = 60_000;
const GOODBYE = 10_000;
const SAMPLE = 250;
/** More than any seed needs. */
const MOST_STEPS = 1_000_000;

/** Runs one seed: a client and a server, with all that goes wrong, until it stops going wrong and all is delivered. */
export function runSeed(seed: number, tell?: Tell): Outcome {
  let violation: Violation | undefined;
  const clock = createClock();
  const violate: Violate = (invariant, detail) => {
    violation ??= { invariant, detail, at: clock.now() };
    tell?.(clock.now(), 'VIOLATION', `${invariant}: ${detail}`);
  };
  const context = createContext(seed, clock, violate, tell);
  const goOn = (): boolean => {
    if (clock.steps() > MOST_STEPS) violate('drains', 'it does not come to rest');
    return violation === undefined;
  };
  const fail = (error: unknown): void => violate('surprise', error instanceof Error ? String(error.stack) : String(error));
  withoutTimers(fail, () => weather(context, goOn));
  const { messages, cuts, crashes } = context.counts;
  return { seed, violation, messages, cuts, crashes };
}

/** Nothing may wait for real time; RxJS does when a subscriber has thrown, which it reports so. */
function withoutTimers(fail: (error: unknown) => void, run: () => void): void {
  const { setTimeout } = globalThis;
  const guarded = (task: () => void): number => {
    try {
      task();
      fail(new Error('a real timer'));
    } catch (error) {
      fail(error);
    }
    return 0;
  };
  globalThis.setTimeout = guarded as unknown as typeof setTimeout;
  try {
    run();
  } catch (error) {
    fail(error);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

type Setting = Context & { calmDown(): void };

function createContext(seed: number, clock: ReturnType<typeof createClock>, violate: Violate, tell: Tell | undefined): Setting {
  const chance = createChance(seed);
  const plan = drawPlan(chance);
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
    receiverOf: ({ ends }) => (plan.client.inbox === 'durable' && plan.client.outbox === 'durable' ? 'client' : ends.client.life.name),
  });
  const attachments = createAttachmentChecks({
    violate,
    hasForgotten: hasForgotten(),
    isIntruder: ({ ends }) => isIntruder(ends.client.life.name),
    soon: clock.soon,
  });
  const watcher = createWatcher({ codec, numbers, attachments, welcomed, say });
  const network = createNetwork({ clock, chance, plan: plan.link, watcher });
  const deliveries = createDeliveryChecks({ journal, plan, now: clock.now, forgetting, violate });
  let isCalm = false;
  const calmDown = (): void => {
    isCalm = true;
    network.heal();
  };
  tell?.(0, 'plan', JSON.stringify(plan));
  return { clock, chance, plan, journal, network, deliveries, forgetting, counts, welcomed, violate, say, isCalm: () => isCalm, calmDown };
}

/** First the storm, then the calm. */
function weather(context: Setting, goOn: () => boolean): void {
  const { clock, plan, say } = context;
  const server = createServer(context);
  const client = createClient(context);
  server.start();
  client.start();
  sendBursts('client', () => [client.current() ?? []].flat(), context);
  sendBursts('server', server.current, context);
  strike({ client, server, intruder: createIntruder(context) }, context);
  const look = (until: number): void => {
    for (let time = clock.now() + SAMPLE; time <= until && goOn(); time += SAMPLE) {
      clock.run(time, goOn);
      checkBounds(client, server, context);
    }
  };
  look(plan.storm);
  say('weather', () => 'all faults stop');
  context.calmDown();
  server.start();
  client.start();
  clock.run(plan.storm + CALM, goOn);
  if (goOn()) end(client, server, context, goOn);
}

function checkBounds(client: Client, server: Server, { plan, violate }: Context): void {
  const mine = client.current();
  if (mine) checkApplication('client', mine, 1, plan, violate);
  const theirs = server.current();
  for (const one of theirs) checkApplication('server', one, theirs.length, plan, violate);
  checkOutbox('client', client.record, violate);
  for (const record of server.outboxes.values()) checkOutbox('server', record, violate);
}

/** Looks whether all is done; then the client says goodbye, and nothing must be left. */
function end(client: Client, server: Server, { clock, journal, plan, violate }: Context, goOn: () => boolean): void {
  const applications = [client.current() ?? [], server.current()].flat();
  checkDrained({ journal, plan, applications, former: client.former(), outboxes: [client.record], violate });
  client.current()?.wire.complete();
  clock.run(clock.now() + GOODBYE, goOn);
  checkGone(applications, violate);
}
