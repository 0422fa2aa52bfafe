import { createClock } from '../clock.js';
import type { Violate } from '../checks/violation.js';
import type { Tell } from '../setting.js';
import { withoutTimers } from '../timers.js';
import type { Ends, Outcome, Violation } from '../world.js';
import { createHourClient, type HourClient } from './clients.js';
import { createHourServer, type HourServer } from './server.js';
import { createHour, type HourSetting } from './setting.js';

/** How long it may take until all is done, once nothing fails any more, in ms. */
const CALM = 600_000;
/** Minutes of an hour that show as much as all of it, when something is wrong in it. */
export const SHORT = 5;
const GOODBYE = 10_000;
const MOST_STEPS = 20_000_000;

/** Runs an hour: clients that send, a server whose handlers fail at random, a network that breaks; then looks what became of each message. */
export function runHour(seed: number, minutes = 60, tell?: Tell): Outcome {
  let violation: Violation | undefined;
  const clock = createClock();
  const violate: Violate = (invariant, detail) => {
    violation ??= { invariant, detail, at: clock.now() };
    tell?.(clock.now(), 'VIOLATION', `${invariant}: ${detail}`);
  };
  const setting = createHour(seed, minutes, clock, violate, tell);
  const goOn = (): boolean => {
    if (clock.steps() > MOST_STEPS) violate('drains', 'it does not come to rest');
    return violation === undefined;
  };
  let ends: Ends | undefined;
  const fail = (error: unknown): void => violate('surprise', error instanceof Error ? String(error.stack) : String(error));
  withoutTimers(fail, () => {
    weather(setting, goOn);
    if (goOn()) ends = setting.ledger.close();
  });
  const { messages, cuts, crashes } = setting.counts;
  return { seed, violation, messages, cuts, crashes, ends };
}

function weather(setting: HourSetting, goOn: () => boolean): void {
  const { clock, plan, calmDown } = setting;
  const server = createHourServer(setting);
  server.start();
  const clients = Array.from({ length: plan.clients }, (_, index) => createHourClient(`c${index}`, server, setting));
  strike(setting);
  clock.run(plan.length, goOn);
  calmDown();
  server.start();
  clock.run(plan.length + CALM, goOn);
  if (goOn()) end(clients, server, setting, goOn);
}

/** Lets connections break. */
function strike(setting: HourSetting): void {
  const { clock, chance, plan, network, counts, say, isCalm } = setting;
  clock.after(-Math.log(1 - chance.random()) * plan.faultEvery, () => {
    if (isCalm()) return;
    const connections = network.connections();
    if (connections.length > 0) {
      const connection = chance.pick(connections);
      counts.cuts++;
      const what = network.fault(connection);
      say('network', () => `${connection.name} is ${what}`);
    }
    strike(setting);
  });
}

/** Nothing must be left. */
function end(clients: readonly HourClient[], server: HourServer, { clock, violate }: HourSetting, goOn: () => boolean): void {
  for (const { life, unacked, wire } of clients) {
    if (unacked.size > 0) violate('drains', `${life.name} still has ${[...unacked].join(' ')}`);
    wire.complete();
  }
  clock.run(clock.now() + GOODBYE, goOn);
  const { queued } = server.records;
  if (queued.size > 0) violate('drains', `the queue still has ${[...queued.values()].map(({ message }) => message.id).join(' ')}`);
  for (const { life } of [...clients, { life: server.life() }]) {
    if (life && life.waiting() > 0) violate('bounded', `${life.name} has ${life.waiting()} timers and tasks after its end`);
  }
}
