import type { NatsConnection } from '@nats-io/nats-core';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, Subscription, type Observable } from 'rxjs';
import { percentile } from '../../lib/adapters/cli/printable.js';
import type { ChannelLog } from '../../lib/channels/channelLog.js';
import { createMessage, msgpack, type ChannelPosition, type Message } from '../../lib/index.js';
import { natsChannelLog } from '../../lib/stores/nats/index.js';
import { pathOf } from '../support/debian.js';
import { startNatsCluster } from '../support/nats.js';
import { median, perSecond, spread, type Result, type Suite } from './bench.js';

const BODY = 'x'.repeat(100);
const item = (): Message => createMessage('bench.item', BODY);
/** How long each round lasts, in ms. */
const ROUND = 1_500;
const ROUNDS = 5;

/** A node that writes and a node that follows, each with a connection of its own, on three nats-servers that keep three replicas. */
async function startNodes() {
  const nats = await startNatsCluster(pathOf('nats-server'));
  const [near, far] = [await nats.connect(), await nats.connect()];
  const open = (connection: NatsConnection): ChannelLog => natsChannelLog({ connection, replicas: 3, maxPending: 100_000 });
  const append = (log: ChannelLog, channel: string, message: Message): Promise<ChannelPosition> =>
    firstValueFrom(log.append(channel, message) as Observable<ChannelPosition>);
  const tails = new Subscription();
  const close = (): Promise<void> => {
    tails.unsubscribe();
    return nats.close();
  };
  return { tails, close, far, writer: open(near), follower: open(far), append };
}

type Nodes = Awaited<ReturnType<typeof startNodes>>;

/** Follows the channels, and calls back for each message. */
async function follow({ follower, tails }: Nodes, channels: readonly string[], next: (message: Message) => unknown): Promise<void> {
  for (const channel of channels) tails.add(follower.tail(channel).subscribe(({ message }) => next(message)));
  await Promise.all(channels.map((channel) => firstValueFrom(follower.read(channel, { limit: 0 }) as Observable<unknown>)));
}

/** Keeps so many messages of each channel on their way, until the follower has received those of all rounds. */
async function fastest(name: string, count: number, inFlight: number, goal: number): Promise<Result> {
  const nodes = await startNodes();
  const channels = Array.from({ length: count }, (_, index) => `room.${index}`);
  let [received, sent, stored, isOpen] = [0, 0, 0, true];
  await follow(nodes, channels, () => received++);
  const send = (channel: string): void => {
    if (!isOpen) return;
    sent++;
    (nodes.writer.append(channel, item()) as Observable<ChannelPosition>).subscribe({
      complete: () => {
        stored++;
        send(channel);
      },
    });
  };
  for (const channel of channels) for (let index = 0; index < inFlight; index++) send(channel);
  await sleep(2 * ROUND);
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [before, begun] = [received, performance.now()];
    await sleep(ROUND);
    rates.push((1_000 * (received - before)) / (performance.now() - begun));
  }
  isOpen = false;
  for (const end = performance.now() + 10_000; (received < sent || stored < sent) && performance.now() < end;) await sleep(20);
  await nodes.close();
  if (received !== sent) throw new Error(`${received} of ${sent} messages were received`);
  return {
    name,
    baseline: 'goal',
    ours: perSecond(median(rates)),
    theirs: perSecond(goal),
    ...spread(rates.map((rate) => rate / goal)),
    goal: 1,
  };
}

/** The greatest latency of 99 % of the messages, from the append to the tail of another node, in ms. */
const P99_LIMIT = 20;

/** Appends at a steady rate, from many clients. */
async function latency(rate: number): Promise<Result> {
  const nodes = await startNodes();
  const begun = new Map<string, number>();
  let times: number[] = [];
  await follow(nodes, ['room.1'], ({ id }) => {
    times.push(performance.now() - (begun.get(id) ?? NaN));
    begun.delete(id);
  });
  const p99s: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    times = [];
    const start = performance.now();
    for (let sent = 0; sent < (rate * ROUND) / 1_000;) {
      for (const due = ((performance.now() - start) * rate) / 1_000; sent < due; sent++) {
        const message = item();
        begun.set(message.id, performance.now());
        void nodes.append(nodes.writer, 'room.1', message);
      }
      await sleep(1);
    }
    for (const end = performance.now() + 10_000; begun.size > 0 && performance.now() < end;) await sleep(5);
    times.sort((a, b) => a - b);
    if (round >= 0) p99s.push(percentile(times, 0.99));
  }
  await nodes.close();
  const ours = `${median(p99s).toFixed(1)} ms`;
  const name = `p99 of one channel at ${perSecond(rate)}`;
  return {
    name,
    baseline: 'limit',
    ours,
    theirs: `${P99_LIMIT} ms`,
    ...spread(p99s.map((time) => time / P99_LIMIT)),
    goal: 1,
    isCost: true,
  };
}

/** The number of bytes that a node may receive for each byte of the messages of its channels. */
const TRAFFIC_LIMIT = 1.3;

/** A node follows 10 of 100 channels, to all of which batches of 16 messages are appended. A message counts with the size that the codec gives it alone. */
async function traffic(): Promise<Result> {
  const nodes = await startNodes();
  const channels = Array.from({ length: 100 }, (_, index) => `room.${index}`);
  const joined = new Set(channels.slice(0, 10));
  let received = 0;
  await follow(nodes, [...joined], () => received++);
  const size = msgpack().encode([item()]).length;
  const before = nodes.far.stats().inBytes;
  const batches = 100;
  for (let batch = 0; batch < batches; batch++)
    await Promise.all(channels.flatMap((channel) => Array.from({ length: 16 }, () => nodes.append(nodes.writer, channel, item()))));
  const expected = batches * joined.size * 16;
  while (received < expected) await sleep(5);
  const [ours, theirs] = [nodes.far.stats().inBytes - before, expected * size];
  await nodes.close();
  const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(0)} kB`;
  const name = 'received by a node in 10 of 100 channels';
  return {
    name,
    baseline: 'its messages',
    ours: kilobytes(ours),
    theirs: kilobytes(theirs),
    ...spread([ours / theirs]),
    goal: TRAFFIC_LIMIT,
    isCost: true,
  };
}

/** The greatest time to follow and read one more channel, in ms. */
const JOIN_LIMIT = 5;

/** A node follows 10,000 channels, and joins more of them, whose latest messages it reads. */
async function join(): Promise<Result> {
  const nodes = await startNodes();
  const more = Array.from({ length: 300 }, (_, index) => `more.${index}`);
  await Promise.all(more.flatMap((channel) => Array.from({ length: 20 }, () => nodes.append(nodes.writer, channel, item()))));
  const channels = Array.from({ length: 10_000 }, (_, index) => `room.${index}`);
  for (let index = 0; index < channels.length; index += 100) await follow(nodes, channels.slice(index, index + 100), () => undefined);
  const times: number[] = [];
  for (const channel of more) {
    const begun = performance.now();
    nodes.tails.add(nodes.follower.tail(channel).subscribe());
    await firstValueFrom(nodes.follower.read(channel, { limit: 20 }) as Observable<unknown>);
    times.push(performance.now() - begun);
  }
  await nodes.close();
  const ours = `${median(times).toFixed(2)} ms`;
  return {
    name: 'join one more of 10,000 channels',
    baseline: 'limit',
    ours,
    theirs: `${JOIN_LIMIT} ms`,
    ...spread(times.slice(20).map((time) => time / JOIN_LIMIT)),
    goal: 1,
    isCost: true,
  };
}

export const channels: Suite = [
  () => fastest('one channel, 512 in flight', 1, 512, 30_000),
  () => latency(30_000),
  () => fastest('64 channels, 96 in flight in each', 64, 96, 100_000),
  traffic,
  join,
];
