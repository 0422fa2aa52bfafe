/** A process of `npm run chaos -- --streams`: the server of a channel, its writer, or a reader of it. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { channel, connect, createMessage, hub, publishAll, webSocket, type Message, type Wire } from '../../lib/index.js';
import { lmdbChannelLog } from '../../lib/node/index.js';
import { listen } from '../../lib/server/index.js';
import { CHANNEL, joinPieces, pieces, type StreamSetup } from './stream.js';

const setup = JSON.parse(process.argv[2] ?? '{}') as StreamSetup;
const tell = (what: object): void => void process.send?.(what);
const fail = (error: unknown): void => tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });

const reconnect = { initialInterval: 20, maxInterval: 200 } as const;
const dial = (): Wire => connect({ link: webSocket(`ws://127.0.0.1:${setup.port}/wire`, { openTimeout: 500 }), reconnect });

function serve(): void {
  const server = createServer();
  const rooms = hub({ log: lmdbChannelLog({ path: setup.folder }) });
  rooms.channel(CHANNEL, { compact: joinPieces });
  rooms.errors$.subscribe(fail);
  listen(server, { pingInterval: 400 }).subscribe(rooms.serve);
  server.listen(0, '127.0.0.1', () => tell({ kind: 'up', port: (server.address() as AddressInfo).port }));
}

/** Writes at the speed of the plan, and ends the channel. */
function write(): void {
  async function* output(): AsyncGenerator<Message> {
    for (const piece of pieces(setup.seed)) {
      if (piece.pause > 0) await sleep(piece.pause);
      yield createMessage('run.output', piece.text);
    }
  }
  const wire = dial();
  publishAll(channel(wire, CHANNEL), output()).subscribe({ error: fail, complete: () => tell({ kind: 'done' }) });
  tell({ kind: 'up', port: 0 });
}

/** Reads from where the process before it has stopped: each line of its file is a message with its position. */
function read(): void {
  const file = setup.folder;
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  const last = lines.at(-1);
  const from = last === undefined ? 'start' : (JSON.parse(last) as { readonly position: string }).position;
  const wire = dial();
  const run = channel(wire, CHANNEL, { from });
  run.gaps$.subscribe((gap) => fail(`a gap: ${JSON.stringify(gap)}`));
  run.subscribe({
    next: ({ payload }) => appendFileSync(file, `${JSON.stringify({ position: run.position, text: payload })}\n`),
    error: fail,
    complete: () => tell({ kind: 'done' }),
  });
  tell({ kind: 'up', port: 0 });
}

process.on('disconnect', () => process.exit());
process.on('unhandledRejection', fail);
({ server: serve, writer: write, reader: read })[setup.role]();
