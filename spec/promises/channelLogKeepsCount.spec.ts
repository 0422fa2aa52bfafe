import { execFileSync } from 'node:child_process';
import { buildSync } from 'esbuild';
import type { Subscription } from 'rxjs';
import { VirtualTimeScheduler } from 'rxjs';
import { createChannelHistories } from '../../lib/server/hub/memoryChannelLog.js';
import type { ChannelSlice } from '../../lib/channels/channelLog.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { estimateSize } from '../../lib/message/estimateSize.js';
import { note } from '../support/rooms.js';
import { seeded } from '../support/seeded.js';

const MIB = 2 ** 20;

describe('memoryChannelLog', () => {
  it('keeps all messages of a fresh channel, however many channels were forgotten before', () => {
    const log = memoryChannelLog({ maxIdle: 10, maxTotalBytes: 100_000 });
    for (let count = 0; count < 2_000; count++) log.append(`room.${count % 20}`, note('x'.repeat(1_000)));
    for (let count = 0; count < 50; count++) log.append('fresh', note('x'.repeat(1_000)));
    expect((log.read('fresh', { limit: 100 }) as ChannelSlice).entries).toHaveLength(50);
  });

  it.each([
    ['that are kept', 1_000_000, 130],
    ['of which 10,000 are kept', 10_000, 40],
  ])('needs little memory for 100,000 channels of one message, %s', (_, maxIdle, limit) => {
    const outfile = 'node_modules/.cache/rxwire/channelLogMemory.mjs';
    const contents = `
      import { memoryChannelLog } from './lib/server/hub/memoryChannelLog.js';
      import { createMessage } from './lib/message/createMessage.js';
      gc();
      const before = process.memoryUsage().heapUsed;
      const log = memoryChannelLog({ maxIdle: ${maxIdle} });
      for (let index = 0; index < 100_000; index++) log.append('room.' + index, createMessage('chat.said', 'hello'));
      gc();
      console.log(process.memoryUsage().heapUsed - before);
      log.append('room', createMessage('chat.said', 'bye'));
    `;
    buildSync({
      stdin: { contents, resolveDir: '.', loader: 'ts' },
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      outfile,
    });
    const taken = Number(execFileSync(process.execPath, ['--expose-gc', outfile], { encoding: 'utf8' }));
    expect(taken).toBeGreaterThan(MIB);
    expect(taken).toBeLessThan(limit * MIB);
  });
});

interface Kept {
  readonly text: string;
  readonly bytes: number;
  readonly at: number;
}

interface ModelChannel {
  readonly name: string;
  last: number;
  kept: Kept[];
  latest: number;
  users: number;
  /** Whether it has got a message since it was forgotten. */
  isUsed: boolean;
}

const LIMITS = { maxMessages: 5, maxBytes: 2_000, maxAge: 50, maxTotalBytes: 6_000, maxIdle: 4, maxForgotten: 2 };
const NAMES = Array.from('abcdefghij');

/** What the histories must have, by arrays that are searched. */
function createModel() {
  let all: ModelChannel[] = [];
  let idle: ModelChannel[] = [];
  let filled: ModelChannel[] = [];
  let [recent, older] = [new Map<string, number>(), new Map<string, number>()];
  let beginning = 0;
  const without = (list: ModelChannel[], one: ModelChannel): ModelChannel[] => list.filter((other) => other !== one);
  const sizeOf = ({ kept }: ModelChannel): number => kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const total = (): number => all.reduce((sum, one) => sum + sizeOf(one), 0);
  const forget = (channel: ModelChannel): void => {
    for (const list of [idle, filled, all]) list.splice(0, list.length, ...without(list, channel));
    if (!channel.isUsed) return;
    recent.set(channel.name, channel.last);
    if (recent.size < LIMITS.maxForgotten) return;
    if (older.size > 0) beginning = 1;
    [recent, older] = [new Map(), recent];
  };
  const retire = (channel: ModelChannel): void => {
    const [first] = idle;
    if (idle.length >= LIMITS.maxIdle && first) forget(first);
    idle = [...without(idle, channel), channel];
  };
  const find = (name: string): ModelChannel | undefined => all.find((one) => one.name === name);
  const make = (name: string): ModelChannel => {
    const last = recent.get(name) ?? older.get(name) ?? beginning;
    const made = { name, last, kept: [], latest: 0, users: 0, isUsed: false };
    all = [...all, made];
    return made;
  };
  const limit = (now: number, changed: ModelChannel | undefined): void => {
    if (changed) trim(now, changed);
    // A channel whose latest message is not too old keeps older ones until it is used.
    for (const one of filled) if (one.latest + LIMITS.maxAge <= now) one.kept = [];
    for (;;) {
      filled = filled.filter(({ kept }) => kept.length > 0);
      if (total() <= LIMITS.maxTotalBytes) return;
      filled[0]?.kept.shift();
    }
  };
  const trim = (now: number, changed: ModelChannel): void => {
    changed.kept = changed.kept.filter(({ at }) => at + LIMITS.maxAge > now);
    while (changed.kept.length > LIMITS.maxMessages || sizeOf(changed) > LIMITS.maxBytes) changed.kept.shift();
  };
  return {
    append(name: string, kept: Kept): void {
      const channel = find(name) ?? make(name);
      if (!channel.isUsed && channel.users === 0) retire(channel);
      channel.isUsed = true;
      channel.last++;
      channel.latest = kept.at;
      channel.kept = [...channel.kept, kept];
      filled = [...without(filled, channel), channel];
      limit(kept.at, channel);
    },
    read: (name: string, now: number): void => limit(now, find(name)),
    enter(name: string): void {
      const channel = find(name) ?? make(name);
      channel.users++;
      idle = without(idle, channel);
    },
    leave(name: string): void {
      const channel = find(name);
      if (channel && --channel.users === 0) {
        if (channel.isUsed) retire(channel);
        else forget(channel);
      }
    },
    total,
    state: () => new Map(all.map(({ name, last, kept }) => [name, { last, texts: kept.map(({ text }) => text), isRight: true }])),
  };
}

describe('the histories of channels', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'keep what a model keeps, and their sums are those of their parts: seed %i',
    (seed) => {
      const random = seeded(seed);
      const pick = (count: number): number => Math.floor(random() * count);
      const scheduler = new VirtualTimeScheduler();
      const histories = createChannelHistories(LIMITS, scheduler);
      const model = createModel();
      const listening: { readonly name: string; readonly subscription: Subscription }[] = [];
      for (let turn = 0; turn < 300; turn++) {
        const name = NAMES[pick(NAMES.length)] as string;
        const what = pick(10);
        if (what < 6) {
          const message = note(`${turn} ${'x'.repeat(pick(8) === 0 ? 2_500 : pick(900))}`);
          const history = histories.get(name);
          histories.around(history, (now) => history.add(message, estimateSize(message), now));
          model.append(name, { text: String(turn), bytes: estimateSize(message), at: scheduler.now() });
        } else if (what === 6) {
          const history = histories.peek(name);
          histories.around(history, (now) => history.read({ limit: 3 }, now));
          model.read(name, scheduler.now());
        } else if (what === 7 && listening.length < 5) {
          const history = histories.enter(name);
          const subscription = history.tail().subscribe();
          subscription.add(() => histories.leave(history));
          listening.push({ name, subscription });
          model.enter(name);
        } else if (what === 8) {
          const [one] = listening.splice(pick(listening.length), 1);
          one?.subscription.unsubscribe();
          if (one) model.leave(one.name);
        } else {
          scheduler.schedule(() => undefined, pick(15));
          scheduler.flush();
        }

        const all = [...histories.all()];
        const states = all.map((history) => {
          const { last } = history;
          const { entries } = history.read({ limit: 1_000 }, -Infinity);
          const areContiguous = entries.every(({ offset }, index) => offset === last - entries.length + 1 + index);
          const sum = entries.reduce((bytes, { message }) => bytes + estimateSize(message), 0);
          const texts = entries.map(({ message }) => String(message.payload).split(' ')[0]);
          return [history.name, { last, texts, isRight: areContiguous && sum === history.bytes }] as const;
        });
        expect({ total: histories.bytes(), states: new Map(states) }).toEqual({ total: model.total(), states: model.state() });
        expect(all.filter(({ isObserved }) => !isObserved).length).toBeLessThanOrEqual(LIMITS.maxIdle);
      }
    },
  );
});
