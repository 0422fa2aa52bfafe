import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { concat, delay, firstValueFrom, last, NEVER, noop, of } from 'rxjs';
import {
  channel,
  connect,
  createMessage,
  hub,
  memoryChannelLog,
  memoryLink,
  publishAll,
  webSocket,
  type ChannelJoin,
  type ChannelPosition,
  type Compact,
  type Frame,
  type Message,
  type Wire,
} from '../../lib/index.js';
import { lmdbChannelLog } from '../../lib/adapters/node/index.js';
import { listen, serve } from '../../lib/server/index.js';
import { helloFrame } from '../support/sessionFrames.js';
import { median, spread, type Result, type Suite } from './bench.js';
import { flushPerMessage, makeFolder } from './lmdb.js';
import { compareWays, type Way } from './ways.js';

const MEBIBYTE = 1_048_576;
const PIECE = 'x'.repeat(100);
const piece = (): Message => createMessage('run.output', PIECE);
const joined: Compact = (messages) => createMessage('run.output', messages.map(({ payload }) => payload as string).join(''));

/** Serves a channel with a mebibyte of small pieces over a real WebSocket. */
async function serverWithOutput(compact: Compact | undefined) {
  const log = memoryChannelLog({ maxMessages: 100_000, maxBytes: 100 * MEBIBYTE });
  const rooms = hub({ log });
  const run = rooms.channel('run.1', compact ? { compact } : {});
  for (let bytes = 0; bytes < MEBIBYTE; bytes += PIECE.length) await run.send(piece());
  await run.end();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const serving = listen(server).subscribe(rooms.serve);
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`,
    close(): void {
      serving.unsubscribe();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** How long a late reader needs for all of it, in ms, without the time to connect. */
async function readAll(url: string): Promise<number> {
  const wire = connect({ link: webSocket(url) });
  await wire.send(createMessage('bench.item', null));
  const begun = performance.now();
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    channel(wire, 'run.1', { from: 'start' }).subscribe({
      next: ({ payload }) => void (bytes += (payload as string).length),
      error: reject,
      complete: resolve,
    });
  });
  const time = performance.now() - begun;
  if (bytes < MEBIBYTE) throw new Error(`only ${bytes} bytes came`);
  wire.unsubscribe();
  return time;
}

/** The greatest time that a late reader may need for a mebibyte, in ms. */
const LATE_LIMIT = 50;

async function lateReader(): Promise<readonly Result[]> {
  const [compacted, plain] = [await serverWithOutput(joined), await serverWithOutput(undefined)];
  const rounds: { readonly ours: number; readonly theirs: number }[] = [];
  for (let round = 0; round < 9; round++) rounds.push({ ours: await readAll(compacted.url), theirs: await readAll(plain.url) });
  compacted.close();
  plain.close();
  const ours = rounds.slice(2).map((round) => round.ours);
  const theirs = rounds.slice(2).map((round) => round.theirs);
  const ms = (times: readonly number[]): string => `${median(times).toFixed(1)} ms`;
  return [
    {
      name: 'a late reader of 1 MiB in pieces of 100 B, compacted',
      baseline: 'limit',
      ours: ms(ours),
      theirs: `${LATE_LIMIT} ms`,
      ...spread(ours.map((time) => time / LATE_LIMIT)),
      goal: 1,
      isCost: true,
    },
    {
      name: 'a late reader of 1 MiB in pieces of 100 B, compacted',
      baseline: 'not compacted',
      ours: ms(ours),
      theirs: ms(theirs),
      ...spread(rounds.slice(2).map((round) => round.ours / round.theirs)),
      isCost: true,
    },
  ];
}

/** Appends as many messages as `publishAll` lets wait. */
function appendAll(): Way {
  const path = makeFolder();
  const log = lmdbChannelLog({ path });
  const rooms = hub({ log });
  const messages = 3_000;
  let runs = 0;
  return {
    messages,
    run: async () => {
      await firstValueFrom(publishAll(rooms.channel(`run.${runs++}`), Array.from({ length: messages }, piece)).pipe(last()));
    },
    end: () => {
      log.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Joins a channel as a client that acks nothing, and keeps nothing: its memory must not weigh on the server. Returns a function that ends it. */
function stalledReader(serveWire: (wire: Wire) => unknown, join: Omit<ChannelJoin, 'join'>): () => void {
  const [near, far] = memoryLink<Frame>();
  const serving = serve(of(far)).subscribe(serveWire);
  const message = createMessage('channel.join', { join: 1, ...join });
  const outgoing$ = concat(of(helloFrame()), of(`["msg",1,1,${JSON.stringify(message)}]`).pipe(delay(1)), NEVER);
  const client = near(outgoing$).subscribe({ error: noop });
  return () => {
    client.unsubscribe();
    serving.unsubscribe();
  };
}

/** Appends to a channel that a thousand readers read from different places, and do not ack. */
async function thousandReaders(): Promise<Result> {
  const way = async (count: number): Promise<Way> => {
    const path = makeFolder();
    const log = lmdbChannelLog({ path });
    const rooms = hub({ log });
    const run = rooms.channel('run.read');
    const before = Array.from({ length: 2_000 }, piece);
    const positions: ChannelPosition[] = [];
    for (const message of before) {
      const position = await run.send(message);
      if (position) positions.push(position);
    }
    const readers = Array.from({ length: count }, (_, index) =>
      stalledReader(rooms.serve, { channel: 'run.read', after: positions[index]! }),
    );
    await sleep(count * 2 + 500);
    const messages = 3_000;
    return {
      messages,
      run: async () => {
        for (let sent = 0; sent < messages; sent += 250) await Promise.all(Array.from({ length: 250 }, () => run.send(piece())));
      },
      end: () => {
        for (const leave of readers) leave();
        log.close();
        rmSync(path, { recursive: true, force: true });
      },
    };
  };
  return compareWays({
    name: 'append beside 1,000 stalled readers',
    baseline: 'append without a reader',
    ours: await way(1_000),
    theirs: await way(0),
    goal: 0.9,
  });
}

/** The server may hold so many bytes for a reader that is paused. */
const PAUSED_LIMIT = 2 * MEBIBYTE;

/** A program that prints without a pause, and a viewer that acks nothing for a while. */
async function pausedViewer(): Promise<Result> {
  const path = makeFolder();
  const log = lmdbChannelLog({ path });
  const rooms = hub({ log });
  const served: Wire[] = [];
  const leave = stalledReader((there) => (served.push(there), rooms.serve(there)), { channel: 'run.read' });
  await sleep(200);
  const line = 'y\n'.repeat(2_048);
  const run = rooms.channel('run.read');
  const end = performance.now() + 30_000;
  let most = 0;
  while (performance.now() < end) {
    await Promise.all(Array.from({ length: 64 }, () => run.send(createMessage('run.output', line))));
    const there = served[0];
    // Nothing is acked: all that was sent, or waits to be sent, is kept.
    most = Math.max(most, ((there?.state.metrics.messagesSent ?? 0) + (there?.queued ?? 0)) * line.length);
  }
  leave();
  log.close();
  rmSync(path, { recursive: true, force: true });
  const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(2)} MiB`;
  return {
    name: 'held for a viewer that is paused for 30 s',
    baseline: 'limit',
    ours: mebibytes(most),
    theirs: mebibytes(PAUSED_LIMIT),
    ...spread([most / PAUSED_LIMIT]),
    goal: 1,
    isCost: true,
  };
}

export const suite: Suite = [
  lateReader,
  () =>
    compareWays({
      name: 'lmdbChannelLog, publishAll',
      baseline: 'one flush a message',
      ours: appendAll(),
      theirs: flushPerMessage(),
      goal: 15,
    }),
  thousandReaders,
  pausedViewer,
];
