import { execSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, spread, type Result, type Suite } from './bench.js';
import { startMembers } from './clients/members.js';
import { startServer, type RemoteServer } from './servers/server.js';

const MEMBERS = 300;
const ROUNDS = 7;
const BASELINE = 'ws + msgpackr, no acks';

/** A server that publishes to all its members, which are in another process. */
interface Fan {
  readonly members: number;
  readonly server: RemoteServer;
  /** Publishes one message. */
  publish(): void;
  /** Resolves when all members have received all that was published. */
  received(): Promise<void>;
  stop(): Promise<void>;
}

/** The kind of the server, and how its members join. */
const KINDS = {
  rxwire: ['channels', 'channel'],
  ws: ['broadcast', 'socket'],
  socketIo: ['socketIoBroadcast', 'socketIo'],
} as const;

type Kind = keyof typeof KINDS;

async function startFan(kind: Kind, members: number): Promise<Fan> {
  const [serverKind, join] = KINDS[kind];
  // The defaults of `maxConnections` and `maxMembers` are 10,000, twice what the largest comparison needs.
  const server = await startServer(serverKind, { burst: 1 });
  const remote = await startMembers(join, server.url, members);
  let published = 0;
  return {
    members,
    server,
    publish() {
      published++;
      server.publish();
    },
    received: () => remote.received(published),
    async stop() {
      await Promise.all([server.stop(), remote.stop()]);
    },
  };
}

/** Publishes each message when all members have received the one before. */
async function lockstep({ publish, received }: Fan, messages: number): Promise<void> {
  for (let count = 0; count < messages; count++) {
    publish();
    await received();
  }
}

/** The CPU time of each server for a delivery, in ms, while `publish` has each of them publish as many messages as it returns. */
async function costsOf<K extends string>(
  fans: Readonly<Record<K, Fan>>,
  publish: () => Promise<Readonly<Record<K, number>>>,
): Promise<Readonly<Record<K, number>>> {
  const names = Object.keys(fans) as K[];
  const cpu = (): Promise<number[]> => Promise.all(names.map((name) => fans[name].server.cpu()));
  const before = await cpu();
  const messages = await publish();
  const after = await cpu();
  const costs = names.map((name, index) => [name, (after[index]! - before[index]!) / (messages[name] * fans[name].members)]);
  return Object.fromEntries(costs) as Record<K, number>;
}

/**
 * Has the fans publish in turns, so that a round is as long for all, and each ack that is sent late counts: what a server does between its turns is
 * a part of its cost.
 */
async function inTurns<K extends string>(fans: Readonly<Record<K, Fan>>, turns: number, messages: (fan: Fan) => number) {
  const names = Object.keys(fans) as K[];
  for (let turn = 0; turn < turns; turn++)
    for (let index = 0; index < names.length; index++) {
      const fan = fans[names[(turn + index) % names.length]!];
      await lockstep(fan, messages(fan));
    }
  return Object.fromEntries(names.map((name) => [name, turns * messages(fans[name])])) as Record<K, number>;
}

/** Has each fan publish at a fixed rate, at times that are spread evenly over those of the others. */
async function atRate<K extends string>(fans: Readonly<Record<K, Fan>>, perSecond: number, seconds: number) {
  const names = Object.keys(fans) as K[];
  const all = Object.values<Fan>(fans);
  const start = performance.now();
  const messages = perSecond * seconds;
  for (let count = 0; count < messages * all.length; count++) {
    await sleep(Math.max(0, start + (1_000 * count) / (perSecond * all.length) - performance.now()));
    all[count % all.length]!.publish();
  }
  await Promise.all(all.map((fan) => fan.received()));
  return Object.fromEntries(names.map((name) => [name, messages])) as Record<K, number>;
}

type Costs = Readonly<Record<Kind, number>>;

const micros = (values: readonly number[]): string => `${(1_000 * median(values)).toPrecision(3)} µs`;

function rowsOf(mode: string, rounds: readonly Costs[], goal: number): readonly Result[] {
  const row = (kind: Kind, title: string) => ({
    name: `${title}, ${MEMBERS} members, ${mode}: CPU of the server`,
    baseline: BASELINE,
    ours: micros(rounds.map((costs) => costs[kind])),
    theirs: micros(rounds.map(({ ws }) => ws)),
    ...spread(rounds.map((costs) => costs[kind] / costs.ws)),
    isCost: true,
  });
  return [{ ...row('rxwire', 'fan-out'), goal }, row('socketIo', 'socket.io')];
}

async function repeat<T>(measure: () => Promise<T>): Promise<readonly T[]> {
  const rounds: T[] = [];
  while (rounds.length < ROUNDS) rounds.push(await measure());
  return rounds;
}

async function fanOut(): Promise<readonly Result[]> {
  const fans = {
    rxwire: await startFan('rxwire', MEMBERS),
    ws: await startFan('ws', MEMBERS),
    socketIo: await startFan('socketIo', MEMBERS),
  };
  const steps = (): Promise<Costs> => costsOf(fans, () => inTurns(fans, 6, () => 16));
  const rate = (perSecond: number, seconds: number) => (): Promise<Costs> => costsOf(fans, () => atRate(fans, perSecond, seconds));
  // 29,000 deliveries each, for V8.
  await steps();
  const results = [
    ...rowsOf('lockstep', await repeat(steps), 1.9),
    ...rowsOf('20 a second', await repeat(rate(20, 3)), 1.8),
    ...rowsOf('2 a second', await repeat(rate(2, 5)), 1.7),
  ];
  await Promise.all(Object.values(fans).map(({ stop }) => stop()));
  return results;
}

const FEW = 100;

/** As many members as the limit of open files admits: Node raises the soft limit of a process to its hard limit itself. */
function manyMembers(): number {
  const limit = execSync('ulimit -Hn', { encoding: 'utf8', shell: '/bin/sh' }).trim();
  return limit === 'unlimited' || Number(limit) >= 5_500 ? 5_000 : 1_000;
}

async function growth(): Promise<Result> {
  const many = manyMembers();
  const fans = {
    rxwireFew: await startFan('rxwire', FEW),
    rxwireMany: await startFan('rxwire', many),
    wsFew: await startFan('ws', FEW),
    wsMany: await startFan('ws', many),
  };
  const messages = ({ members }: Fan): number => (members === FEW ? 40 : 1);
  const measure = () => costsOf(fans, () => inTurns(fans, 4, messages));
  await measure();
  await measure();
  const rounds = (await repeat(measure)).map((costs) => ({
    ours: costs.rxwireMany / costs.rxwireFew,
    theirs: costs.wsMany / costs.wsFew,
  }));
  await Promise.all(Object.values(fans).map(({ stop }) => stop()));
  const show = (values: readonly number[]): string => `${median(values).toFixed(2)} times`;
  return {
    name: `fan-out, growth from ${FEW} to ${many.toLocaleString('en')} members: CPU of the server`,
    baseline: BASELINE,
    ours: show(rounds.map(({ ours }) => ours)),
    theirs: show(rounds.map(({ theirs }) => theirs)),
    ...spread(rounds.map(({ ours, theirs }) => ours / theirs)),
    isCost: true,
    goal: 1.3,
  };
}

/** What a server pays for one delivery to one member of a channel, where the members are in another process. */
export const fanOuts: Suite = [fanOut, growth];
