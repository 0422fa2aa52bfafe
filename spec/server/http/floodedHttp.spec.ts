import { once } from 'node:events';
import { jest } from '@jest/globals';
import type { ListenOptions } from '../../../lib/server/listen.js';
import type { Principal } from '../../../lib/server/principal.js';
import { helloFrame } from '../../support/sessionFrames.js';
import { attacker, requestOf } from '../../support/attacker.js';
import { EVENTS, itemsOf, linkName, rawLink, RECORDS, textUntil } from './rawHttpLink.js';
import { serve } from '../../support/recordingServer.js';

jest.setTimeout(20_000);

let served: Awaited<ReturnType<typeof serve>>;
const start = async (options?: ListenOptions<Principal | undefined>) => (served = await serve(options));
afterEach(() => served.close());

/** The status of the latest answer. */
const statusIn = (text: string): string | undefined => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].at(-1)?.[1];

describe('requests that bring nothing, as fast as they go', () => {
  type Link = ReturnType<typeof rawLink>;
  const floods: readonly (readonly [what: string, accept: string, ask: (link: Link, round: number) => Promise<Response>])[] = [
    ['empty POSTs', EVENTS, ({ post }, round) => post(3 + round)],
    ['empty POSTs', RECORDS, ({ post }, round) => post(3 + round)],
    ['POSTs that were there', EVENTS, ({ post }) => post(2, ['["ping",0]'])],
  ];

  it.each(floods)('%s (%s): 429, and the link is closed with 4429', async (_, accept, ask) => {
    const { url, wire } = await start();
    const link = rawLink(url);
    const down = await link.post(1, [helloFrame()], accept);
    await link.post(2, ['["ack",0,1024]']);
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429) statuses.push((await ask(link, statuses.length)).status);
    expect(statuses).toHaveLength(100);
    expect((await (await wire()).errors.take(1))[0]).toMatchObject({ closeCode: 4429 });
    if (accept === EVENTS) expect(await textUntil(down, 'event: end')).toContain('"code":4429');
  });

  it('GETs, each in place of the one before: 429, and the link is closed with 4429', async () => {
    const { url, port, wire } = await start();
    const link = rawLink(url);
    await link.post(1, [helloFrame()]);
    await link.post(2, ['["ack",0,1024]']);
    const bad = await attacker(port);
    for (let number = 1; number <= 110; number++) bad.socket.write(requestOf('GET', link.name, number));
    await bad.until('HTTP/1.1 429');
    expect((await (await wire()).errors.take(1))[0]).toMatchObject({ closeCode: 4429 });
    bad.socket.destroy();
  });

  it.each([EVENTS, RECORDS])('POSTs of pings (%s): closed with 4429', async (accept) => {
    const { url, port, wire } = await start();
    const link = rawLink(url);
    const down = await link.post(1, [helloFrame()], accept);
    await link.post(2, ['["ack",0,1024]']);
    const pings = Array.from({ length: 1_000 }, () => '["ping",0]');
    const bad = await attacker(port);
    for (const number of [3, 4, 5]) bad.socket.write(requestOf('POST', link.name, number, pings));
    expect((await (await wire()).errors.take(1))[0]).toMatchObject({ closeCode: 4429 });
    if (accept === EVENTS) expect(await textUntil(down, 'event: end')).toContain('"code":4429');
    else expect(await endOf(link)).toMatchObject({ code: 4429 });
    bad.socket.destroy();
  });

  it('DELETEs of unknown links: 404 each, and others are served', async () => {
    const { url, port, count } = await start();
    const bad = await attacker(port);
    for (let index = 0; index < 100; index++) bad.socket.write(requestOf('DELETE', linkName(), 1));
    await bad.until(/(HTTP\/1\.1 404[^]*?){20}/);
    const link = rawLink(url);
    expect((await link.post(1, [helloFrame()])).status).toBe(200);
    expect((await link.post(2, ['["ack",0,1024]'])).status).toBe(204);
    expect(count()).toBe(1);
    bad.socket.destroy();
  });
});

/** How a link that polls ends. */
async function endOf({ poll }: ReturnType<typeof rawLink>): Promise<unknown> {
  for (let number = 1; ; number++) {
    const last = (await itemsOf(await poll(number))).at(-1);
    if (typeof last === 'object' && 'code' in last) return last;
  }
}

describe('bodies that take their time', () => {
  const head = (link: string, number: number, more: string): string =>
    `POST /wire HTTP/1.1\r\nhost: x\r\nrxwire-link: ${link}\r\nrxwire-number: ${number}\r\naccept: ${EVENTS}\r\n${more}\r\n\r\n`;

  it('a first one that does not arrive: 408 after handshakeTimeout, and its socket is closed', async () => {
    const { port, count } = await start({ handshakeTimeout: 50 });
    const bad = await attacker(port);
    bad.socket.write(`${head(linkName(), 1, 'content-length: 100')}x`);
    await once(bad.socket, 'close');
    expect([statusIn(bad.heard()), count()]).toEqual(['408', 0]);
  });

  it('a fifth one at once of the same link: 429', async () => {
    const { url, port } = await start();
    const link = rawLink(url);
    await link.post(1, [helloFrame()], EVENTS);
    const bad = await Promise.all(Array.from({ length: 5 }, () => attacker(port)));
    for (const { socket } of bad) socket.write(`${head(link.name, 2, 'content-length: 100')}x`);
    await Promise.any(bad.map(({ until: answered }) => answered('HTTP/1.1 429')));
    for (const { socket } of bad) socket.destroy();
  });

  it('one in far too many pieces: 400', async () => {
    const { port } = await start();
    const bad = await attacker(port);
    bad.socket.write(head(linkName(), 1, 'transfer-encoding: chunked'));
    bad.socket.write('1\r\nx\r\n'.repeat(5_000));
    await bad.until('HTTP/1.1 400');
    bad.socket.destroy();
  });
});
