import { config, firstValueFrom, ReplaySubject } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { ConnectionLostError, DecodeError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import { rawClient } from '../support/peer.js';
import { seeded } from '../support/seeded.js';
import { frame, got, greetedClient, hello, message, secret, serve } from '../support/recordingServer.js';

// That nothing is thrown or rejected where nobody sees it needs no test of its own: jest fails on it.
describe('listen: hostile clients', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  const start = async (options?: ListenOptions) => (served = await serve(options));
  afterEach(() => served.close());

  it('sends a frame above the limit: closed with 1009, unread', async () => {
    const { url, wire } = await start({ maxFrame: 1_000 });
    const client = await greetedClient(url);
    client.socket.send('x'.repeat(1_001));
    expect(await client.ended).toMatchObject({ code: 1009 });
    const { messages, errors } = await wire();
    expect(messages.values).toEqual([]);
    expect(await errors.take(1)).toEqual([expect.any(ConnectionLostError)]);
  });

  it('sends a first frame above the limit: closed with 1009', async () => {
    const { url, refused$ } = await start({ maxFrame: 1_000 });
    const client = await rawClient(url);
    const refusal = new Promise((resolve) => refused$.subscribe(resolve));
    client.socket.send('x'.repeat(1_001));
    expect(await client.ended).toMatchObject({ code: 1009 });
    expect(await refusal).toMatchObject({ code: 'ERR_CONNECTION_LOST' });
  });

  it('sends three bad frames in a row: closed with 4400, the wire ends', async () => {
    const { url, wire } = await start();
    const client = await greetedClient(url);
    for (const bad of ['bad', '{}', '[1]']) client.socket.send(bad);
    expect(await client.ended).toEqual({ code: 4400, reason: '3 frames were undecodable' });
    const { messages, errors } = await wire();
    expect(await messages.ended).toBe('complete');
    expect(errors.values.map(({ code }) => code)).toEqual([
      'ERR_DECODE',
      'ERR_INVALID_MESSAGE',
      'ERR_INVALID_MESSAGE',
      'ERR_CONNECTION_LOST',
    ]);
  });

  it('changes its codec: bad frames', async () => {
    const { url, wire } = await start();
    const client = await greetedClient(url);
    client.socket.send(msgpack().encode([message('a')]));
    client.socket.send(frame(message('b')));
    expect(await (await wire()).messages.take(1)).toMatchObject([{ id: 'b' }]);
    expect((await wire()).errors.values).toEqual([expect.any(DecodeError)]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('names things %s: a name like any other', async (name) => {
    const { url, wire } = await start();
    const client = await greetedClient(url);
    const text = JSON.stringify({ id: name, type: name, timestamp: 0, version: '1.0', payload: 0 });
    client.socket.send(text.replace(/}$/, `,"headers":{"${name}":"x"},"target":"${name}"}`));
    const [received] = await (await wire()).messages.take(1);
    expect(received).toMatchObject({ id: name, type: name, target: name });
    expect(Object.getPrototypeOf(received?.headers)).toBeNull();
    expect(Object.prototype).not.toHaveProperty('x');
    expect(await got(client, 2)).toEqual(['system.welcome', `ack:${name}`]);
  });

  it('makes a subscriber throw: its wire ends with 1011, and other wires continue', async () => {
    const unhandled$ = new ReplaySubject<unknown>();
    config.onUnhandledError = (error) => unhandled$.next(error);
    const { url, wire } = await start();
    const [one, two] = [await greetedClient(url), await greetedClient(url)];
    const [first, second] = [await wire(0), await wire(1)];
    const boom = new Error('boom');
    first.wire.subscribe(() => {
      throw boom;
    });
    one.socket.send(frame(message('a')));
    two.socket.send(frame(message('c')));
    expect(await first.messages.take(1)).toHaveLength(1);
    expect(await one.ended).toMatchObject({ code: 1011 });
    expect(await second.messages.take(1)).toHaveLength(1);
    expect(await firstValueFrom(unhandled$)).toMatchObject({ code: 'ERR_CALLBACK', callback: 'subscriber', cause: boom });
    config.onUnhandledError = null;
  });

  it('guesses sessions: it gets a wire of its own', async () => {
    const { url, wire } = await start();
    await greetedClient(url);
    await greetedClient(url, secret(), { resume: true });
    expect((await wire(0)).wire.id).not.toBe((await wire(1)).wire.id);
  });

  it('sends garbage, and nearly valid frames: nothing crashes, nothing is kept', async () => {
    const { url, wire, count, refused, empty } = await start({ handshakeTimeout: 200, detachedTimeout: 1, connectionRate: false });
    const random = seeded(20_261_125);
    const frames = Array.from({ length: 200 }, () => mutated(random));
    await Promise.all(
      frames.map(async (mutation, index) => {
        const client = await (index % 2 ? greetedClient(url) : rawClient(url));
        for (let time = 0; time < 4 && client.socket.readyState === client.socket.OPEN; time++) client.socket.send(mutation);
        client.socket.close(index % 3 ? 1000 : 4000);
        await client.ended;
      }),
    );
    await empty();
    expect(count() + refused.length).toBeGreaterThanOrEqual(200);
    for (let index = 0; index < count(); index++) await (await wire(index)).messages.ended;

    const client = await greetedClient(url);
    client.socket.send(frame(message('alive')));
    expect(await got(client, 2)).toEqual(['system.welcome', 'ack:alive']);
  });
});

/** Random bytes, or a good frame in which some bytes have changed. */
function mutated(random: () => number): Uint8Array | string {
  const pick = (below: number): number => Math.floor(random() * below);
  if (random() < 0.25) return Uint8Array.from({ length: pick(200) }, () => pick(256));
  const batch = [
    hello(secret()),
    createMessage('test.any', { deep: [[{ list: [1, 2, { text: '€' }] }]] }, { headers: { a: 'b' }, ttl: 5_000 }),
  ];
  const isText = random() < 0.5;
  const bytes = Buffer.from(isText ? json().encode(batch) : (msgpack().encode(batch) as Uint8Array));
  for (let change = pick(8); change > 0; change--) bytes[pick(bytes.length)] = pick(256);
  const end = random() < 0.3 ? pick(bytes.length) : bytes.length;
  return isText ? bytes.subarray(0, end).toString() : bytes.subarray(0, end);
}
