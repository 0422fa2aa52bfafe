import { config, identity } from 'rxjs';
import { createMessage } from '../../../lib/index.js';
import { createChance } from '../chance.js';
import type { Violate } from '../checks/violation.js';
import { createClock } from '../clock.js';
import { createLife } from '../life.js';
import type { Tell } from '../setting.js';
import { guardTimers } from '../timers.js';
import type { Outcome, Violation } from '../world.js';
import { createMember, type Member } from './member.js';
import { createNode, type Node } from './node.js';
import { drawPlan, type ChannelsPlan } from './plan.js';
import { createPresenceCheck } from './presence.js';
import { strike } from './faults.js';
import { requestHistory } from './history.js';
import type { ChannelsSetting } from './setting.js';
import { createSharedLog } from './sharedLog.js';
import { createSharedPresence } from './sharedPresence.js';
import { createTraffic } from './traffic.js';

/** How long it may take until all have all, once nothing fails any more, and how often that is checked, in ms. */
const CALM = 100_000;
const CHECK_EVERY = 1_000;
const REST = 20_000;
/** The most time until a server finds out that a connection is silent, in ms. */
const SILENCE = 15_000;
/** How long it is quiet, in ms, and the most frames of a connection in this time. */
const QUIET = 10_000;
const HEARTBEATS = 16;
/** How long a message may take to members with a connection, in ms, when all others sleep. */
const PROMPT = 2_500;
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
  const plan = change(drawPlan(chance));
  const setting: ChannelsSetting = {
    ...{ clock, chance, violate, plan, shared: createSharedLog(plan.log, log.scheduler, chance), presence: createSharedPresence() },
    contents: new Map(),
    ephemeral: new Set(),
    say: (who, what) => tell?.(clock.now(), who, what()),
    isCalm: () => isCalm,
    counts: { messages: 0, cuts: 0, crashes: 0, events: 0, requests: 0, frames: 0, errors: 0 },
  };
  tell?.(0, 'plan', JSON.stringify(plan));
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
  const { clock, chance, plan, say, violate, shared } = setting;
  const nodes = plan.hubs.map((_, index) => createNode(index, setting));
  const members = plan.members.map((one) => createMember(one, nodes[one.hub]!, setting));
  const traffic = createTraffic(nodes, members, setting);
  const presence = createPresenceCheck(members, setting);
  for (const member of members) clock.at(chance.skewed(0, plan.length / 2), () => setting.isCalm() || member.join());
  traffic.start();
  presence.start();
  strike(nodes, members, setting);
  if (plan.ends === 'amid') clock.at(plan.length * chance.random(), () => endRoom(chance.pick(nodes)));
  await clock.runSettled(plan.length, goOn);
  say('weather', () => 'all faults stop');
  calmDown();
  for (const { network, log } of nodes) {
    network.heal();
    log.heal();
  }
  const [all, gone] = [[...members], plan.quits && chance.pick(members)];
  if (plan.quits && gone) {
    members.splice(members.indexOf(gone), 1);
    gone.quit(plan.quits);
  }
  for (const member of members) member.join();

  /** Returns what is not as it must be when nothing fails; undefined if all is well. */
  const histories: (() => boolean)[] = [];
  const trouble = (): string | undefined => {
    for (const member of members) {
      const missing = member.missing();
      if (missing) return missing;
    }
    return presence.disagreement() ?? traffic.fault() ?? (histories.every((isDone) => isDone()) ? undefined : 'a history is not complete');
  };
  /** Runs until all is well, and fails if that takes too long. */
  const settle = async (time: number): Promise<void> => {
    const until = clock.now() + time;
    while (goOn() && clock.now() < until && (trouble() !== undefined || !nodes.every(({ life }) => life.isAlive())))
      await clock.runSettled(clock.now() + CHECK_EVERY, goOn);
    const found = trouble();
    if (found && goOn()) violate('channels', found);
  };
  await settle(CALM);
  // Sessions that nobody resumes end, and are reported.
  if (goOn()) await clock.runSettled(clock.now() + plan.detachedTimeout + SILENCE, goOn);
  if (goOn()) await checkQuiet(all, setting, goOn);
  if (goOn()) await checkSleeper(nodes, members, traffic, setting, goOn);
  // A member that has stopped somewhere would not notice by itself.
  traffic.publishOne();
  for (const member of members) histories.push(requestHistory(member, 1_000, setting, true));
  await clock.runSettled(clock.now() + CHECK_EVERY, goOn);
  await settle(REST);
  if (!goOn()) return;
  checkBounds(all, setting);
  if (plan.ends !== 'late' || shared.hasEnded('room')) return;
  endRoom(nodes[0]!);
  await settle(REST);
}

/** The server ends the channel: all members notice, behind all else. */
function endRoom({ rooms, life }: Node): void {
  if (life.isAlive()) rooms.channel('room').next(createMessage('channel.ended', { status: 'completed' }));
}

/** Nobody does anything: nothing is reported, and only heartbeats are sent. */
async function checkQuiet(members: readonly Member[], { clock, counts, violate }: ChannelsSetting, goOn: () => boolean): Promise<void> {
  const { errors, frames } = counts;
  await clock.runSettled(clock.now() + QUIET, goOn);
  if (counts.errors > errors) violate('bounded', `${counts.errors - errors} errors, when nobody does anything`);
  if (counts.frames - frames > HEARTBEATS * members.length)
    violate('bounded', `${counts.frames - frames} frames, when nobody does anything`);
}

/** One member sleeps, while the server publishes: the others get all at once, and what waits for the sleeper is bounded. */
async function checkSleeper(
  nodes: readonly Node[],
  members: readonly Member[],
  { byHub }: ReturnType<typeof createTraffic>,
  { clock, chance, plan, violate }: ChannelsSetting,
  goOn: () => boolean,
): Promise<void> {
  if (members.length < 2) return;
  const [sleeper, ...others] = members as readonly [Member, ...Member[]];
  sleeper.life.freeze(PROMPT + 500);
  for (let left = chance.pick([1, 5, 20]); left > 0; left--) byHub(chance.pick(nodes), 'room');
  await clock.runSettled(clock.now() + PROMPT, goOn);
  const late = others.map((member) => member.missing()).find((missing) => missing !== undefined);
  if (late) violate('share', `${late}, while ${sleeper.name} sleeps`);
  for (const wire of nodes.flatMap(({ wires }) => [...wires]))
    if (wire.queued > plan.maxQueued) violate('bounded', `${wire.queued} messages wait for ${wire.principal.id}`);
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
