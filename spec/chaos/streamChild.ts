/** A process of `npm run chaos -- --streams`: the server of a channel, a writer, or readers of it. */
import { on } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { from, mergeMap } from 'rxjs';
import { channel, connect, createMessage, hub, publishAll, webSocket, type Message, type Wire } from '../../lib/index.js';
import { lmdbChannelLog } from '../../lib/adapters/node/index.js';
import { listen } from '../../lib/server/index.js';
import { CHANNEL, joinPieces, pieces, STEPS, type StreamSetup } from './stream.js';

const setup = JSON.parse(process.argv[2] ?? '{}') as StreamSetup;
/** How many messages of a writer have no answer yet, at most. */
const AHEAD = 32;
const tell = (what: object): void => void process.send?.(what);
const fail = (error: unknown): void => tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });

const reconnect = { initialInterval: 20, maxInterval: 200 } as const;
const dial = (): Wire => connect({ link: webSocket(`ws://127.0.0.1:${setup.port}/wire`, { openTimeout: 500 }), reconnect });

/** Two hubs share the log: each appends between the messages of the other. They serve the clients in turn. */
function serve(): void {
  const server = createServer();
  const hubs = Array.from({ length: 2 }, () => hub({ log: lmdbChannelLog({ path: setup.folder }), authorize: () => true }));
  for (const rooms of hubs) {
    rooms.channel(CHANNEL, { compact: joinPieces });
    rooms.errors$.subscribe(fail);
  }
  let clients = 0;
  listen(server, { pingInterval: 400 }).subscribe((wire) => hubs[clients++ % hubs.length]?.serve(wire));
  server.listen(0, '127.0.0.1', () => tell({ kind: 'up', port: (server.address() as AddressInfo).port }));
}

/** Writes a part of the output at each message, at the speed of the plan. The first writer ends the channel at the message behind them. */
function write(): void {
  const { seed, writer = 0 } = setup;
  const isFirst = writer === 0;
  const told = on(process, 'message');
  async function* output(): AsyncGenerator<Message> {
    const own = pieces(seed, writer);
    const size = Math.ceil(own.length / STEPS);
    for (let step = 0; step < STEPS; step++) {
      await told.next();
      for (const piece of own.slice(step * size, (step + 1) * size)) {
        if (piece.pause > 0) await sleep(piece.pause);
        yield createMessage('run.output', piece.text);
      }
    }
    if (isFirst) await told.next();
  }
  const run = channel(dial(), CHANNEL);
  const written$ = isFirst ? publishAll(run, output()) : from(output()).pipe(mergeMap((message) => run.send(message), AHEAD));
  written$.subscribe({ error: fail, complete: () => tell({ kind: 'done' }) });
  tell({ kind: 'up', port: 0 });
}

/** Reads from where the process before it has stopped: each line of its file is a message with its position. */
function read(file: string, onEnd: () => void): void {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  const last = lines.at(-1);
  const from = last === undefined ? 'start' : (JSON.parse(last) as { readonly position: string }).position;
  const wire = dial();
  const run = channel(wire, CHANNEL, { from });
  run.gaps$.subscribe((gap) => fail(`a gap: ${JSON.stringify(gap)}`));
  run.subscribe({
    next: ({ payload }) => appendFileSync(file, `${JSON.stringify({ position: run.position, text: payload })}\n`),
    error: fail,
    complete: onEnd,
  });
}

function readOne(): void {
  read(setup.folder, () => tell({ kind: 'done' }));
  tell({ kind: 'up', port: 0 });
}

/** Begins a reader for each file that it is told, until it is told an empty name. */
function readMany(): void {
  let reading = 1;
  const end = (): void => {
    if (--reading === 0) tell({ kind: 'done' });
  };
  process.on('message', (file: string) => {
    if (file === '') return end();
    reading++;
    read(file, end);
  });
  tell({ kind: 'up', port: 0 });
}

process.on('disconnect', () => process.exit());
process.on('unhandledRejection', fail);
({ server: serve, writer: write, reader: readOne, lateReaders: readMany })[setup.role]();
