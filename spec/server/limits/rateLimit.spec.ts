import { Subject, VirtualTimeScheduler } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { Bucket, createRates } from '../../../lib/server/limits/rateLimit.js';
import { serve, type ServeOptions } from '../../../lib/server/serve.js';
import type { Principal } from '../../../lib/server/principal.js';
import { batch, secret } from '../../support/sessionFrames.js';
import { startVirtual, turns } from '../virtual.js';

/** A server that lets 100 messages a second pass, and 20 at once, by a clock that we turn. */
function start(options: ServeOptions<Principal | undefined> = {}) {
  const shutdown$ = new Subject<void>();
  const server = startVirtual({ rateLimit: { perSecond: 100, burst: 20 }, pingInterval: 1_000_000, shutdown$, ...options });
  const enter = async (fields?: object) => {
    const client = await server.enter(fields);
    const acked = (): number => Math.max(...client.frames.values.map((frame) => Number(/^\["ack",(\d+),/.exec(frame as string)?.[1] ?? 0)));
    return { ...client, acked };
  };
  return { ...server, enter, shutdown$ };
}

const ids = (from: number, to: number): readonly string[] => Array.from({ length: to + 1 - from }, (_, index) => String(from + index));

describe('rateLimit', () => {
  let server: ReturnType<typeof start>;
  const begin = (...setup: Parameters<typeof start>) => (server = start(...setup));
  afterEach(() => server.stop());

  it('grants a window of half of the burst, and acks over time', async () => {
    const { enter, got, pass } = begin();
    const { send, acked, welcome } = await enter();
    expect(welcome).toMatchObject({ window: 10 });
    send(batch(1, ...ids(1, 10)));
    await turns();
    expect([got.length, acked()]).toEqual([10, 10]);
    send(batch(11, ...ids(11, 20)));
    await turns();
    expect([got.length, acked()]).toEqual([20, 10]);
    await pass(40);
    expect(acked()).toBe(10);
    await pass(20);
    expect(acked()).toBe(15);
    await pass(1_000);
    expect(acked()).toBe(20);
  });

  it('is no timer while there is nothing to wait for', async () => {
    const { enter, scheduler, pass } = begin();
    const { send } = await enter();
    // It may have slept.
    await pass(50);
    send(batch(1, 'a'));
    await turns();
    const before = scheduler.actions.length;
    send(batch(2, 'b'));
    await turns();
    expect(scheduler.actions).toHaveLength(before);
    send(batch(3, ...ids(1, 10)));
    await turns();
    expect(scheduler.actions).toHaveLength(before + 1);
    await pass(1_000);
    expect(scheduler.actions).toHaveLength(before);
  });

  it('closes with 4400 a client that does not wait', async () => {
    const { enter, got } = begin();
    const { send, code } = await enter();
    send(batch(1, ...ids(1, 10)));
    await turns();
    send(batch(11, ...ids(11, 20)));
    await turns();
    send(batch(21, '21'));
    expect(await code).toBe(4400);
    expect(got).toHaveLength(20);
  });

  it('is the same for a returning client', async () => {
    const { enter, got, pass } = begin();
    const pid = secret();
    const { send, close, welcome, code } = await enter({ pid });
    send(batch(1, ...ids(1, 10)));
    await turns();
    send(batch(11, ...ids(11, 20)));
    await turns();
    close(4000);
    await code;
    const again = await enter({ pid, n: 2, sid: welcome['sid'], rt: welcome['rt'], rx: 0 });
    expect([again.welcome['rx'], again.acked()]).toEqual([20, 10]);
    again.send(batch(21, '21'));
    expect(await again.code).toBe(4400);
    expect(got).toHaveLength(20);
    await pass(1);
  });

  it('is shared by all wires of a principal, including ended ones, and by no others', async () => {
    const authenticate = ({ token = '' }: { readonly token?: string }): Principal => ({ id: token });
    const { enter, pass } = begin({ authenticate });
    const first = await enter({ token: 'ada' });
    first.send(batch(1, ...ids(1, 10)));
    await turns();
    first.close();
    await first.code;
    const second = await enter({ token: 'ada' });
    const other = await enter({ token: 'bob' });
    second.send(batch(1, ...ids(1, 10)));
    other.send(batch(1, ...ids(1, 10)));
    await turns();
    expect([first.acked(), second.acked(), other.acked()]).toEqual([10, 0, 10]);
    await pass(1_000);
    expect(second.acked()).toBe(10);
  });

  it('drops messages without numbers above the limit, and reports it; a client that continues is closed with 4429', async () => {
    const { enter, got, errors } = begin();
    const { send, code } = await enter();
    for (let index = 1; index <= 21; index++) send(batch(0, String(index)));
    expect(await code).toBe(4429);
    expect(got).toEqual(ids(1, 10));
    expect(errors.map((error) => error.code)).toEqual([...Array.from({ length: 11 }, () => 'ERR_OVERFLOW'), 'ERR_CONNECTION_LOST']);
    expect(errors[0]).toMatchObject({ limit: 100 });
  });

  it('acks all at once when the server stops: no message is repeated', async () => {
    const { enter, shutdown$ } = begin();
    const { send, acked } = await enter();
    send(batch(1, ...ids(1, 10)));
    await turns();
    send(batch(11, ...ids(11, 20)));
    await turns();
    expect(acked()).toBe(10);
    shutdown$.next();
    await turns();
    expect(acked()).toBe(20);
  });

  it('drops, unacked, messages of an envelope client above the limit; a client that continues is closed with 4429', async () => {
    const { dial, got, errors } = begin();
    const hello = createMessage('system.hello', { session: secret(), resume: false, delivery: 'at-least-once' });
    const { send, code, frames } = dial(json().encode([hello]));
    for (let index = 1; index <= 21; index++) {
      send(json().encode([createMessage('test.any', null, { id: String(index) })]));
      await turns();
    }
    expect(await code).toBe(4429);
    expect(got).toEqual(ids(1, 10));
    const text = frames.values.join();
    expect([text.includes('"correlationId":"10"'), text.includes('"correlationId":"11"')]).toEqual([true, false]);
    expect(errors.map((error) => error.code)).toEqual(['ERR_OVERFLOW', 'ERR_CONNECTION_LOST']);
  });

  it.each([{ perSecond: 0 }, { perSecond: NaN }, { burst: 1 }])('refuses %j when called', (rateLimit) => {
    begin();
    expect(() => serve(new Subject(), { rateLimit })).toThrow(RangeError);
  });
});

describe('a bucket', () => {
  it('fills as time passes, up to its size', () => {
    const scheduler = new VirtualTimeScheduler();
    const bucket = new Bucket(10, 5, scheduler);
    expect([bucket.take(7), bucket.take(1), bucket.isFull(), bucket.wait(1), bucket.wait(100)]).toEqual([5, 0, false, 100, 500]);
    scheduler.frame = 250;
    expect([bucket.wait(3), bucket.take(9), bucket.isFull()]).toEqual([50, 2, false]);
    scheduler.frame = 100_000;
    expect([bucket.isFull(), bucket.wait(5), bucket.take(100)]).toEqual([true, 0, 5]);
  });

  it('is shared by the wires of a principal, and removed when they have ended and it is full', () => {
    const scheduler = new VirtualTimeScheduler();
    const rates = createRates({ perSecond: 1, burst: 4 }, 1_024, scheduler);
    const mine = rates.enter('ada');
    const take = (owner?: string): number => rates.enter(owner).bucket.take(1);
    expect([mine.bucket.take(2), take('ada'), take(), take()]).toEqual([2, 0, 1, 1]);
    const others = (): void => ['bob', 'eve', 'kim'].forEach((name) => rates.enter(name).leave());
    mine.leave();
    others();
    expect(rates.enter('ada').bucket.take(1)).toBe(0);
    scheduler.frame = 1_000;
    others();
    expect(rates.enter('ada').bucket.take(2)).toBe(1);
  });
});
