import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nanoid } from 'nanoid';
import { Packr } from 'msgpackr';
import { of } from 'rxjs';
import { WebSocket, WebSocketServer } from 'ws';
import { connect, createMessage, msgpack, reply, request, webSocket } from '../../lib/index.js';
import { listen } from '../../lib/server/index.js';
import type { Suite } from './bench.js';
import { compareWays, cpuTime, type Way } from './ways.js';

const REQUESTS = 20_000;
const PAYLOAD = 'x'.repeat(100);

/** What one would write without rxwire: a frame a request and a frame an answer, and a promise for each id. */
async function plainSocket(inFlight: number, requests: number): Promise<Way> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  const [near, far] = [new Packr({ useRecords: false }), new Packr({ useRecords: false })];
  server.on('connection', (socket) =>
    socket.on('message', (frame: Buffer) => {
      const { id, payload } = far.unpack(frame) as { readonly id: string; readonly payload: unknown };
      socket.send(far.pack({ id, payload }));
    }),
  );
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { perMessageDeflate: false });
  await once(socket, 'open');
  const open = new Map<string, (value: unknown) => void>();
  socket.on('message', (frame: Buffer) => {
    const { id, payload } = near.unpack(frame) as { readonly id: string; readonly payload: unknown };
    open.get(id)?.(payload);
    open.delete(id);
  });
  const ask = (payload: unknown): Promise<unknown> =>
    new Promise((resolve) => {
      const id = nanoid();
      open.set(id, resolve);
      socket.send(near.pack({ type: 'bench.ask', id, payload }));
    });
  return {
    messages: requests,
    run: () => keepOpen((answered) => void ask(PAYLOAD).then(answered), inFlight, requests),
    end: () => {
      socket.terminate();
      server.close();
    },
  };
}

/** A wire as an application would have it. */
async function wireWay(inFlight: number, requests: number): Promise<Way> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = listen(server).subscribe((wire) => wire.pipe(reply({ 'bench.ask': ({ payload }) => of(payload) })).subscribe(wire));
  const wire = connect({ link: webSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`), codec: msgpack() });
  wire.errors$.subscribe((error) => {
    throw error;
  });
  await wire.send(createMessage('bench.first', null));
  return {
    messages: requests,
    run: () =>
      keepOpen(
        (complete) =>
          request(wire, createMessage('bench.ask', PAYLOAD)).subscribe({
            complete,
            error: (error: unknown) => {
              throw error;
            },
          }),
        inFlight,
        requests,
      ),
    end: () => {
      wire.unsubscribe();
      served.unsubscribe();
      server.close();
    },
  };
}

/** Asks so often that there are always as many requests open; resolves when all are answered. */
function keepOpen(ask: (answered: () => void) => void, inFlight: number, requests: number): Promise<void> {
  return new Promise((resolve) => {
    let asked = 0;
    let done = 0;
    const answered = (): void => {
      if (++done === requests) resolve();
      else next();
    };
    const next = (): void => {
      if (asked++ < requests) ask(answered);
    };
    for (let count = 0; count < inFlight; count++) next();
  });
}

const compared = async (inFlight: number, requests: number) =>
  compareWays({
    name: `request, ${inFlight} open, 100 B`,
    baseline: 'ws + msgpackr + promises',
    ours: await wireWay(inFlight, requests),
    theirs: await plainSocket(inFlight, requests),
    // Both ends of both are in this process, and the rest of the machine may be busy.
    clock: cpuTime,
    tries: 2,
    rounds: 5,
  });

export const suite: Suite = [() => compared(256, REQUESTS), () => compared(16, REQUESTS), () => compared(1, 2_000)];
