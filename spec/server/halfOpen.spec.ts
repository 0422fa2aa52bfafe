import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as openSocket, type AddressInfo, type Socket } from 'node:net';
import { VirtualTimeScheduler } from 'rxjs';
import { listen } from '../../lib/server/listen.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { helloFrame } from '../support/sessionFrames.js';
import { dial, enter } from './hostileEnd.js';
import { EVENTS, linkName, rawLink } from './http/rawHttpLink.js';
import { attacker } from '../support/attacker.js';
import { serve } from '../support/recordingServer.js';

/** What begins, and goes on never. */
const halves: readonly (readonly [what: string, text: string])[] = [
  ['nothing', ''],
  ['half a line', 'GET /wi'],
  ['half an upgrade', 'GET /wire HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n'],
  ['half of the headers of what opens a link', `POST /wire HTTP/1.1\r\nhost: x\r\nrxwire-link: ${linkName()}\r\n`],
  ['half of the body of what opens a link', `${opening(linkName())}content-length: 999\r\n\r\nx`],
];

function opening(link: string): string {
  return `POST /wire HTTP/1.1\r\nhost: x\r\nrxwire-link: ${link}\r\nrxwire-number: 1\r\naccept: ${EVENTS}\r\n`;
}

describe('what is only half there', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  afterEach(() => served.close());

  it.each(halves)('%s, fifty times: takes no place', async (_, text) => {
    served = await serve({ maxConnections: 1 });
    const halfOpen = await Promise.all(Array.from({ length: 50 }, () => attacker(served.port)));
    for (const { socket } of halfOpen) socket.write(text);
    const { welcome } = await enter('websocket', served.url);
    expect(welcome).toMatchObject({ n: 1 });
    for (const { socket } of halfOpen) socket.destroy();
  });

  it('links over requests that say no hello: as many as there may be connections, until handshakeTimeout', async () => {
    const scheduler = new VirtualTimeScheduler();
    served = await serve({ maxConnections: 10, handshakeTimeout: 5_000, scheduler });
    const opened = await Promise.all(Array.from({ length: 50 }, () => rawLink(served.url).post(1, [], EVENTS)));
    const statuses = opened.map(({ status }) => status);
    expect([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 503).length]).toEqual([10, 40]);
    scheduler.maxFrames = 5_000;
    scheduler.flush();
    const ends = await Promise.all(opened.filter(({ status }) => status === 200).map((stream) => stream.text()));
    expect(new Set(ends.map((text) => /"code":(\d+)/.exec(text)?.[1]))).toEqual(new Set(['4408']));
    expect(served.count()).toBe(0);
    const { frames } = await dial('sse', served.url, helloFrame());
    await frames.take(1);
  });

  it('headers that are larger than Node takes: 431', async () => {
    served = await serve();
    const bad = await attacker(served.port);
    bad.socket.write(`${opening(linkName())}authorization: ${'x'.repeat(20_000)}\r\n\r\n`);
    await bad.until('HTTP/1.1 431');
    expect(served.count()).toBe(0);
  });
});

it('a server with a limit for headers ends slower requests, and keeps nothing of them', async () => {
  const server = createServer({ headersTimeout: 100, requestTimeout: 200, connectionsCheckingInterval: 20 });
  const running = listen(server).subscribe((wire: Wire) => record(wire));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = halves.slice(1).map(([, text]) => {
    const socket: Socket = openSocket((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
    socket.write(text);
    return socket.resume();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
  running.unsubscribe();
  server.close();
  await once(server, 'close');
});
