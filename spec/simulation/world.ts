import { identity } from 'rxjs';
import { checkApplication, checkOutbox } from './checks/bounds.js';
import { checkDrained, checkGone, checkLast, owedIn } from './checks/ending.js';
import type { Invariant, Violate } from './checks/violation.js';
import { CloseCode, ConnectionLostError } from '../../lib/index.js';
import type { Attended } from './attend.js';
import { createClient, type Client } from './client.js';
import { createClock } from './clock.js';
import type { Context } from './context.js';
import { strike } from './faults.js';
import { createIntruder } from './intruder.js';
import { inviteStrangers } from './strangers.js';
import type { OutboxRecord } from './outbox.js';
import type { Plan } from './plan.js';
import { createServer, type Server } from './server.js';
import { createSetting, type Setting, type Tell } from './setting.js';
import { withoutTimers } from './timers.js';
import { sendBursts, sendNotices } from './traffic.js';

/** What has gone wrong. */
export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
  /** In ms, where it is known. */
  readonly at?: number;
}

/** What came of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly messages: number;
  readonly cuts: number;
  readonly crashes: number;
  /** How the messages have ended, where that is counted. */
  readonly ends?: Ends | undefined;
  /** The same for the core: how often each outcome came. */
  readonly outcomes?: Readonly<Record<string, number>> | undefined;
  /** The deliberate faults that were found. */
  readonly found?: readonly FoundMutant[] | undefined;
}

/** A deliberate fault, and the failure of the seed that has found it. */
export type FoundMutant = Readonly<Record<'name' | 'by', string>>;

/** Messages that were handled, are dead letters, and were dropped by a full queue, or as they had waited for too long: all there are. */
export type Ends = Readonly<Record<'done' | 'dead' | 'dropped', number>>;

/** How long it is looked on once nothing fails any more, in ms: at least, as what is left behind must go by itself, and until all is done at most. */
const CALM = 60_000;
const LONGEST_CALM = 600_000;
const TRIM = 1_000;
/** How long a goodbye may take, in s, and after that the last timers, in ms. */
const GOODBYE = 30;
const REST = 10_000;
const SAMPLE = 250;
/** More than any seed needs. */
const MOST_STEPS = 1_000_000;

export interface StoryOptions {
  /** Whether it is about a client that returns again and again, as one seed in ten is. @default false */
  readonly mustReturn?: boolean;
  /** Whether strangers come to the servers. @default true */
  readonly hasStrangers?: boolean;
  /** Changes the plan that the seed has drawn. @default it stays */
  readonly change?: (plan: Plan) => Plan;
}

/** Runs one seed: a client and a server, with all that goes wrong, until it stops going wrong and all is delivered. */
export function runSeed(
  seed: number,
  tell?: Tell,
  { mustReturn = false, hasStrangers = true, change = identity }: StoryOptions = {},
): Outcome {
  let violation: Violation | undefined;
  const clock = createClock();
  const violate: Violate = (invariant, detail) => {
    violation ??= { invariant, detail, at: clock.now() };
    tell?.(clock.now(), 'VIOLATION', `${invariant}: ${detail}`);
  };
  const context = createSetting(seed, clock, violate, tell, { mustReturn, change });
  const goOn = (): boolean => {
    if (clock.steps() > MOST_STEPS) violate('drains', 'it does not come to rest');
    return violation === undefined;
  };
  const fail = (error: unknown): void => violate('surprise', error instanceof Error ? String(error.stack) : String(error));
  withoutTimers(fail, () => weather(context, goOn, hasStrangers));
  const { messages, cuts, crashes } = context.counts;
  return { seed, violation, messages, cuts, crashes };
}

/** First the storm, then the calm. */
function weather(context: Setting, goOn: () => boolean, hasStrangers: boolean): void {
  const { acks, clock, network, plan, say } = context;
  const server = createServer(context);
  const client = createClient(context);
  server.start();
  client.start();
  sendBursts('client', () => [client.current() ?? []].flat().filter(({ life }) => !life.isFrozen()), context);
  const speakers = speakersOf(server, context);
  sendBursts('server', speakers, context);
  sendNotices('server', speakers, context);
  strike({ client, server, intruder: createIntruder(context) }, context);
  if (hasStrangers) inviteStrangers(context);
  const look = (until: number): void => {
    for (let time = clock.now() + SAMPLE; time <= until && goOn(); time += SAMPLE) {
      clock.run(time, goOn);
      checkBounds(client, server, context);
      acks.check(network.connections());
    }
  };
  look(plan.storm);
  say('weather', () => 'all faults stop');
  context.calmDown();
  server.start();
  client.start();
  // Without receipts, and where another server has stored what it sends no more, only the outbox tells.
  const isSent = (): boolean => outboxesOf(client, server).every((outbox) => owedIn(outbox, context.journal, plan).length === 0);
  const isDone = (): boolean =>
    isSent() && [client.current() ?? [], server.current()].flat().every(({ unsettled }) => unsettled.size === 0);
  for (let time = CALM; time <= LONGEST_CALM && goOn(); time = isDone() ? Infinity : time + CALM) clock.run(plan.storm + time, goOn);
  // What was acked in the last moment is still to be removed from the outbox.
  clock.run(clock.now() + TRIM, goOn);
  if (goOn()) end(client, server, context, goOn);
}

/** Who speaks for the server: the latest; where there are several, now and then another one that does not know yet that its client has gone. */
function speakersOf(server: Server, { plan, extra }: Context): () => readonly Attended[] {
  return () => {
    const running = server.current().filter(({ life }) => !life.isFrozen());
    return plan.owners > 1 && running.length > 1 && extra.hit(0.2) ? [extra.pick(running)] : running;
  };
}

function checkBounds(client: Client, server: Server, { plan, violate }: Context): void {
  const mine = client.current();
  if (mine) checkApplication('client', mine, 1, plan, violate);
  const theirs = server.current();
  for (const one of theirs) checkApplication('server', one, theirs.length, plan, violate);
  checkOutbox('client', client.record, violate);
  for (const record of server.outboxes.values()) checkOutbox('server', record, violate);
}

/** Those of clients that are gone for good are nobody's. */
function outboxesOf(client: Client, server: Server): readonly OutboxRecord[] {
  return [client.record, server.outboxes.get(client.record.pid) ?? []].flat();
}

/**
 * Checks that all is done. Then both sides send a little, and one of them says goodbye at once, or the server ends the session without a goodbye, and the client says
 * goodbye to the next one. Nothing must be left.
 */
function end(client: Client, server: Server, context: Context, goOn: () => boolean): void {
  const { acks, chance, clock, journal, plan, violate } = context;
  const running = (): readonly Attended[] => [client.current() ?? [], server.current()].flat();
  const outboxes = outboxesOf(client, server);
  checkDrained({ journal, plan, applications: running(), former: client.former(), outboxes, violate });
  const both = [client.current(), server.current().at(-1)];
  for (const one of both) one?.sendLast();
  clock.run(clock.now() + chance.pick([0, 0, 10, 100]), goOn);
  const isLetGo = chance.hit(0.3);
  if (isLetGo) {
    both[1]?.wire.error(new ConnectionLostError(CloseCode.GOING_AWAY, 'the server ends the session'));
    clock.run(clock.now() + REST, goOn);
  }
  const leaving = isLetGo ? both[0] : chance.pick(both);
  const applications = running();
  if (leaving) {
    acks.drains(leaving.life);
    leaving.wire.complete();
  }
  for (let second = 0; second < GOODBYE && !applications.every(({ isEnded }) => isEnded()); second++) clock.run(clock.now() + 1_000, goOn);
  clock.run(clock.now() + REST, goOn);
  checkGone(applications, violate);
  if (leaving) checkLast(leaving, journal, violate);
}
