import { config, identity } from 'rxjs';
import { createMessage } from '../../../lib/index.js';
import { createChance } from '../chance.js';
import type { Violate } from '../checks/violation.js';
import { createClock } from '../clock.js';
import { createLife } from '../life.js';
import type { Tell } from '../setting.js';
import { guardTimers } from '../timers.js';
import type { Outcome, Violation } from '../world.js';
import { createSharedLog } from './faultyLog.js';
import { createMember, type Member } from './member.js';
import { createNode, type Node } from './node.js';
import { drawPlan, type ChannelsPlan } from './plan.js';
import { createPresenceCheck } from './presence.js';
import { strike } from './faults.js';
import { requestHistory } from './history.js';
import type { ChannelsSetting } from './setting.js';
import { createSharedPresence } from './sharedPresence.js';
import { createTraffic } from './traffic.js';

/** How long it may take until all have all, once nothing fails any more, in ms. */
const CALM = 100_000;
const REST = 20_000;
/** How long it is quiet, in ms, and the most frames of a connection in this time. */
const QUIET = 10_000;
const HEARTBEATS = 16;
const MOST_STEPS = 400_000;

/**
 * Runs a seed: hubs with different codecs on one log, their members, and messages that not every wire can carry.
 *
 * @param change Changes the plan that the seed has drawn.
 */
export async function runChannels(seed: number, tell?: Tell, change: (plan: ChannelsPlan) => ChannelsPlan = identity): Promise<Outcome> {
  const clock = createClock();
  const chance = createChance(seed);
  let violation: Violation | undefined;
  const violate: Violate = (invariant, detail) => {
    violation ??= { invariant, detail, at: clock.now() };
    tell?.(clock.now(), 'VIOLATION', `${invariant}: ${detail}`);
  };
  const fail = (error: unknown): void => violate('surprise', error instanceof Error ? String(error.stack) : String(error));
  let isCalm = false;
  const log = createLife({ clock, chance, name: 'log', crash: () => 0, onCrash: () => undefined });
  const setting: ChannelsSetting = {
    ...{ clock, chance, violate, plan: change(drawPlan(chance)), shared: createSharedLog(log.scheduler), contents: new Map() },
    say: (who, what) => tell?.(clock.now(), who, what()),
    isCalm: () => isCalm,
    counts: { messages: 0, cuts: 0, crashes: 0, events: 0, requests: 0, frames: 0, errors: 0 },
  };
  tell?.(0, 'plan', JSON.stringify(setting.plan));
  const goOn = (): boolean => {
    if (clock.steps() > MOST_STEPS) violate('drains', 'it does not come to rest');
    return violation === undefined;
  };
  const calmDown = (): void => void (isCalm = true);

  // The jitter of what a hub reads again has no option.
  const { random } = Math;
  const { onUnhandledError } = config;
  const restoreTimers = guardTimers(fail);
  Math.random = chance.random;
  config.onUnhandledError = fail;
  try {
    await weather(setting, calmDown, goOn);
  } catch (error) {
    fail(error);
  } finally {
    restoreTimers();
    Math.random = random;
    config.onUnhandledError = onUnhandledError;
  }
  const { messages, cuts, crashes } = setting.counts;
  return { seed, violation, messages, cuts, crashes };
}

/** First the storm, then the calm. */
async function weather(setting: ChannelsSetting, calmDown: () => void, goOn: () => boolean): Promise<void> {
  const { clock, plan, say, violate } = setting;
  const presence = createSharedPresence(plan.hubs.length);
  const nodes = plan.hubs.map((_, index) => createNode(index, presence[index]!, setting));
  const members = plan.members.map((one) => createMember(one, nodes[one.hub]!, setting));
  const traffic = createTraffic(nodes, members, setting);
  const states = createPresenceCheck(members, setting);
  for (const member of members) clock.at(setting.chance.skewed(0, plan.length), () => setting.isCalm() || member.join());
  traffic.start();
  states.start();
  strike(nodes, members, setting);
  await clock.runSettled(plan.length, goOn);
  say('weather', () => 'all faults stop');
  calmDown();
  for (const { network } of nodes) network.heal();
  for (const member of members) member.join();
  await clock.runSettled(clock.now() + CALM, goOn);
  await checkQuiet(members, setting, goOn);
  // A member that has stopped somewhere would not notice by itself.
  traffic.publishOne();
  const histories = members.map((member) => requestHistory(member, 1_000, setting, true));
  await clock.runSettled(clock.now() + REST, goOn);
  if (!goOn()) return;
  traffic.check();
  states.check();
  for (const member of members) member.check();
  if (!histories.every(({ isDone }) => isDone())) violate('channels', 'a history is not complete');
  checkBounds(members, setting);
  if (plan.ends) await end(nodes[0]!, members, setting, goOn);
}

/** The server ends the channel: all members notice, behind all else. */
async function end({ rooms }: Node, members: readonly Member[], { clock, violate }: ChannelsSetting, goOn: () => boolean): Promise<void> {
  rooms.channel('room').next(createMessage('channel.ended', { status: 'completed' }));
  await clock.runSettled(clock.now() + REST, goOn);
  for (const member of members) {
    if (member.isJoined()) violate('channels', `the channel of ${member.name} does not end`);
    member.check();
  }
}

/** Nobody does anything: nothing is reported, and only heartbeats are sent. */
async function checkQuiet(members: readonly Member[], { clock, counts, violate }: ChannelsSetting, goOn: () => boolean): Promise<void> {
  const { errors, frames } = counts;
  await clock.runSettled(clock.now() + QUIET, goOn);
  if (counts.errors > errors) violate('bounded', `${counts.errors - errors} errors, when nobody does anything`);
  if (counts.frames - frames > HEARTBEATS * members.length)
    violate('bounded', `${counts.frames - frames} frames, when nobody does anything`);
}

/** Nothing is sent, or reported, again and again. */
function checkBounds(members: readonly Member[], { clock, counts, shared, violate }: ChannelsSetting): void {
  const starts = members.reduce((sum, member) => sum + member.starts(), 0);
  const entries = shared.entries('room').length + shared.entries('keys').length;
  const deliveries = entries * (starts + counts.requests);
  const events = counts.events + starts + 10;
  const limit = { frames: 4 * deliveries + 40 * events + (clock.now() / 1_000) * members.length, errors: 2 * deliveries + 20 * events };
  for (const name of ['frames', 'errors'] as const)
    if (counts[name] > limit[name]) violate('bounded', `${counts[name]} ${name}, of ${limit[name]} at most`);
}
