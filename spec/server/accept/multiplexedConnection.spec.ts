import { asyncScheduler, filter, firstValueFrom, map, type SchedulerLike, type Subscription } from 'rxjs';
import type { ListenOptions } from '../../../lib/server/listen.js';
import { MULTIPLEXED } from '../../../lib/io/streamFrames.js';
import { eventually } from '../../support/eventually.js';
import { rawClient } from '../../support/peer.js';
import { serve } from '../../support/recordingServer.js';

const secret = (name: string): string => name.padEnd(22, '-');
const hello = (name: string, more: object = {}): string =>
  JSON.stringify([
    'hello',
    {
      ...{ v: 1, pid: secret(name), epoch: 1, n: 1, fresh: true, window: 100, bytes: 100_000 },
      ...{ codecs: ['json'], id: name, delivery: 'at-least-once', ...more },
    },
  ]);
const message = (number: number, payload: unknown): string =>
  `["msg",${number},1,${JSON.stringify({ id: `m${number}`, type: 'test.said', timestamp: 1, version: '1.0', source: '', payload })}]`;

describe('a connection that carries streams', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  const start = async (options?: ListenOptions) => {
    served = await serve(options);
    const client = await rawClient(served.url);
    const frames: string[] = [];
    client.frames$.subscribe((one) => frames.push(String(one)));
    /** Waits for a frame that matches. */
    const frame = (pattern: RegExp): Promise<string> =>
      firstValueFrom(
        client.frames$.pipe(
          map((one) => String(one)),
          filter((one) => pattern.test(one)),
        ),
      );
    client.socket.send(MULTIPLEXED);
    return { ...served, client, frames, frame, send: (...all: readonly string[]) => all.forEach((one) => client.socket.send(one)) };
  };
  afterEach(() => served.close());

  it('has a wire for each stream, with a session of its own', async () => {
    const { send, frame, count } = await start();
    send(`1:${hello('a')}`, `2:${hello('b')}`);
    await frame(/^1:\["welcome"/);
    await frame(/^2:\["welcome"/);
    send(`2:${message(1, 'of b')}`, `1:${message(1, 'of a')}`);
    await frame(/^1:\["ack",1/);
    await frame(/^2:\["ack",1/);
    expect(count()).toBe(2);
  });

  it('authenticates each stream by its own token', async () => {
    const { send, frame } = await start({
      authenticate: (({ token }: { readonly token?: string }) => (token === 'good' ? { id: 'u' } : undefined)) as never,
    });
    send(`1:${hello('a', { token: 'bad' })}`, `2:${hello('b', { token: 'good' })}`);
    expect(await frame(/"close",1/)).toMatch(/^\["close",1,4401,/);
    await frame(/^2:\["welcome"/);
  });

  it('closes one stream for a violation, and continues with the others', async () => {
    const { send, frame } = await start();
    send(`1:${hello('a')}`, `2:${hello('b')}`);
    await frame(/^2:\["welcome"/);
    send('1:["nonsense"]');
    expect(await frame(/"close",1/)).toMatch(/^\["close",1,4400,/);
    send(`2:${message(1, 'of b')}`);
    await frame(/^2:\["ack",1/);
  });

  it('ends the session of a stream that its client closes normally', async () => {
    const { send, frame, wire } = await start();
    send(`1:${hello('a')}`);
    await frame(/^1:\["welcome"/);
    send('1:["ack",0,100]');
    const { messages } = await wire();
    send('["close",1,1000,""]');
    expect(await messages.ended).toBe('complete');
  });

  it.each([
    ['3:x', 'a number that is not the next one'],
    ['nonsense', 'a frame without a number'],
    [`1:${MULTIPLEXED}`, 'streams in a stream'],
    ['["close",2,1000,""]', 'the end of an unknown stream'],
  ])('is closed with 4400 after %s: %s', async (frame) => {
    const { send, client } = await start();
    send(frame);
    expect(await client.ended).toMatchObject({ code: 4400 });
  });

  it('refuses a 33rd stream with 1013', async () => {
    const { send, frame, frames } = await start();
    for (let stream = 1; stream <= 33; stream++) send(`${stream}:${hello(`a${stream}`)}`);
    expect(await frame(/"close",/)).toBe('["close",33,1013,"too many connections"]');
    await frame(/^32:\["welcome"/);
    expect(frames.filter((one) => one.includes('"close"'))).toHaveLength(1);
  });

  it('counts streams as connections of the server, and of their address', async () => {
    const { send, frame } = await start({ maxConnections: 3 });
    send(`1:${hello('a')}`, `2:${hello('b')}`, `3:${hello('c')}`);
    expect(await frame(/"close",/)).toBe('["close",3,1013,"too many connections"]');
    send('["close",1,1000,""]', `4:${hello('d')}`);
    await frame(/^4:\["welcome"/);
  });

  it('takes a token of the address for each stream', async () => {
    const { send, frame } = await start({ connectionRate: { perSecond: 0.001, burst: 2 } });
    send(`1:${hello('a')}`, `2:${hello('b')}`);
    await frame(/^1:\["welcome"/);
    expect(await frame(/"close",/)).toBe('["close",2,1013,"too many connections"]');
  });

  it('is closed as a flood after 1,000 frames to closed streams', async () => {
    const { send, client } = await start();
    send('1:x', '["close",1,1000,""]');
    for (let count = 0; count < 1_000; count++) send('1:x');
    expect(await client.ended).toMatchObject({ code: 4429 });
  });

  it('is no flood when such frames arrive over a long time, as for each tab that is closed', async () => {
    let passed = 0;
    const scheduler = { now: () => Date.now() + passed, schedule: asyncScheduler.schedule.bind(asyncScheduler) };
    const { send, frame } = await start({ scheduler });
    send(`1:${hello('a')}`, `2:${hello('b')}`, '["close",1,1000,""]');
    for (let count = 0; count < 999; count++) send('1:x');
    send(`2:${message(1, 'of b')}`);
    await frame(/^2:\["ack",1/);
    passed = 10_000;
    send('1:x', `3:${hello('c')}`);
    await frame(/^3:\["welcome"/);
  });

  it('is closed when it has no stream for the time of a handshake', async () => {
    const { client } = await start({ handshakeTimeout: 50 });
    expect(await client.ended).toMatchObject({ code: 4408, reason: 'the connection has no stream' });
  });

  it.each(['when it ends normally', 'after a violation by another stream'])('is no end of the sessions %s', async (reason) => {
    const { send, frame, wire, client } = await start();
    send(`1:${hello('a')}`);
    await frame(/^1:\["welcome"/);
    send('1:["ack",0,100]');
    const { wire: one } = await wire();
    const lost = firstValueFrom(one.state$.pipe(filter(({ status }) => status === 'reconnecting')));
    if (reason === 'when it ends normally') client.socket.close(1000);
    else send('3:x');
    await expect(lost).resolves.toBeDefined();
  });

  it('charges its address once for a flood, and not for each stream', async () => {
    const { send, frame, client, url } = await start({ connectionRate: { perSecond: 0.001, burst: 8 } });
    send(`1:${hello('a')}`, `2:${hello('b')}`, `3:${hello('c')}`);
    await frame(/^3:\["welcome"/);
    send('4:x', '["close",4,1000,""]');
    for (let count = 0; count < 1_000; count++) send('4:x');
    expect(await client.ended).toMatchObject({ code: 4429 });
    // One connection and four streams of eight tokens, and the flood costs two.
    await expect(rawClient(url)).resolves.toBeDefined();
  });

  it('leaves no timer when the server stops', async () => {
    const timers = new Set<Subscription>();
    const schedule = (work: () => void, delay?: number): Subscription => {
      const fire = (): void => {
        timers.delete(timer);
        work();
      };
      const timer = asyncScheduler.schedule(fire, delay);
      timers.add(timer);
      timer.add(() => timers.delete(timer));
      return timer;
    };
    const scheduler = { now: () => Date.now(), schedule: schedule as SchedulerLike['schedule'] };
    const { send, frame, client, stop } = await start({ scheduler });
    send(`1:${hello('a')}`);
    await frame(/^1:\["welcome"/);
    stop();
    await client.ended;
    await eventually(() => expect(timers.size).toBe(0));
  });
});
