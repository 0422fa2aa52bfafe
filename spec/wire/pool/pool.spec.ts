import { firstValueFrom, map, NEVER, of, throwError, timer, VirtualTimeScheduler, type Observable } from 'rxjs';
import { ConnectionLostError, OverflowError, PoolClosedError, PoolTimeoutError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { pool, type Pool } from '../../../lib/wire/pool/pool.js';
import type { Lease, PoolOptions } from '../../../lib/wire/pool/poolOptions.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { network } from '../../support/sessionPair.js';

const turn = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve));

describe('pool', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  /** A pool of wires in this process; its own time is virtual. */
  function open(options: Partial<PoolOptions> = {}) {
    const net = network();
    const served: Wire[] = [];
    const wires: Wire[] = [];
    const running = net.serve({}, (wire) => served.push(wire));
    const scheduler = new VirtualTimeScheduler();
    const connect = (): Wire => {
      const wire = net.connect();
      wires.push(wire);
      return wire;
    };
    const all = pool({ open: connect, min: 0, max: 2, scheduler, random: () => 0, ...options });
    const states = record(all.state$);
    cleanups.push(() => {
      wires.forEach((wire) => wire.unsubscribe());
      running.unsubscribe();
    });
    return {
      net,
      served,
      wires,
      scheduler,
      all,
      states,
      wait(ms: number): void {
        scheduler.maxFrames = scheduler.frame + ms;
        scheduler.schedule(() => undefined, ms);
        scheduler.flush();
      },
      state: () => states.values.at(-1),
    };
  }
  const acquire = <W extends Wire>(all: Pool<W>): Promise<Lease<W>> => firstValueFrom(all.acquire());
  const settled = async (is: () => boolean): Promise<void> => {
    while (!is()) await turn();
  };

  it('opens min wires by itself, and no more than max, however many ask', async () => {
    const { all, wires, state } = open({ min: 2, max: 3 });
    await settled(() => state()?.idle === 2);
    expect(wires).toHaveLength(2);
    const leases = record(all.acquire());
    const more = [1, 2, 3, 4].map(() => record(all.acquire()));
    await settled(() => state()?.leased === 3);
    expect([wires.length, state()]).toEqual([3, { size: 3, idle: 0, leased: 3, waiting: 2, isDestroyed: false }]);
    leases.values[0]?.release();
    expect(more.map(({ values }) => values.length)).toEqual([1, 1, 1, 0]);
  });

  it('lends a wire to one at a time, the one that was used last, and only when it is connected', async () => {
    const { all, net, wires } = open({ max: 1 });
    net.down();
    const first = record(all.acquire());
    const second = record(all.acquire());
    await turn();
    expect([first.values.length, wires.length]).toEqual([0, 1]);
    net.up();
    const [lease] = await first.take(1);
    expect([lease?.wire.state.status, second.values.length, first.isOver()]).toEqual(['connected', 0, true]);
    lease?.release();
    lease?.release();
    expect(second.values[0]?.wire).toBe(lease?.wire);
  });

  it('serves those who wait in the order of their coming, and forgets who leaves', async () => {
    const { all, state } = open({ max: 1 });
    const lease = await acquire(all);
    const [a, b, c] = [record(all.acquire()), record(all.acquire()), record(all.acquire())];
    a.subscription.unsubscribe();
    expect(state()?.waiting).toBe(2);
    lease.release();
    expect([a.values.length, b.values.length, c.values.length]).toEqual([0, 1, 0]);
  });

  it('fails who waits too long with a PoolTimeoutError, and the others in their time', async () => {
    const { all, wait } = open({ max: 1, acquireTimeout: 1_000 });
    const lease = await acquire(all);
    const early = record(all.acquire());
    wait(400);
    const late = record(all.acquire());
    wait(599);
    expect(early.isOver()).toBe(false);
    wait(1);
    expect(await early.ended).toEqual(new PoolTimeoutError(1_000, 1, 1));
    expect(late.isOver()).toBe(false);
    wait(399);
    lease.release();
    expect(late.values).toHaveLength(1);
  });

  it('lets a caller wait for 30 seconds by default', async () => {
    const { all, wait } = open({ max: 1 });
    await acquire(all);
    const waiting = record(all.acquire());
    wait(29_999);
    expect(waiting.isOver()).toBe(false);
    wait(1);
    expect(await waiting.ended).toEqual(new PoolTimeoutError(30_000, 1, 1));
  });

  it('says why there is no wire, in the cause', async () => {
    const refused = new ConnectionLostError(4403, 'no');
    const { all, wires, wait } = open({ acquireTimeout: 1_000 });
    const waiting = record(all.acquire());
    wires[0]!.error(refused);
    wait(1_000);
    expect(await waiting.ended).toMatchObject({ code: 'ERR_POOL_TIMEOUT', cause: refused });
  });

  it('fails at once when too many wait', async () => {
    const { all } = open({ max: 1, maxWaiting: 1 });
    await acquire(all);
    record(all.acquire());
    expect(await record(all.acquire()).ended).toEqual(new OverflowError('callers that wait for a wire', 1));
  });

  it('replaces a wire that has ended, free or lent, and later each time that fails', async () => {
    const { all, wires, wait, state } = open({ min: 2, initialInterval: 100, maxInterval: 300 });
    const errors = record(all.errors$);
    await settled(() => state()?.idle === 2);
    const lease = await acquire(all);
    const boom = new ConnectionLostError(4403, 'boom');
    lease.wire.error(boom);
    expect(state()).toMatchObject({ size: 1, leased: 0 });
    wait(99);
    expect(wires).toHaveLength(2);
    wait(1);
    expect([wires.length, errors.values]).toEqual([3, [boom]]);
    lease.release();
    for (const [delay, count] of [
      [200, 4],
      [300, 5],
      [300, 6],
    ] as const) {
      wires.at(-1)!.error(boom);
      wait(delay - 1);
      expect(wires).toHaveLength(count - 1);
      wait(1);
      expect(wires).toHaveLength(count);
    }
    await settled(() => state()?.idle === 2);
    wires.at(-1)!.error(boom);
    wait(100);
    expect(wires).toHaveLength(7);
  });

  it('tries again when a wire cannot be opened', async () => {
    let calls = 0;
    const boom = new Error('boom');
    const net = network();
    const running = net.serve({}, () => undefined);
    const opened: Wire[] = [];
    const { all, wait } = open({
      initialInterval: 100,
      open: () => {
        if (++calls === 1) throw boom;
        opened.push(net.connect());
        return opened[0]!;
      },
    });
    const errors = record(all.errors$);
    const lease = record(all.acquire());
    expect(errors.values).toEqual([boom]);
    wait(100);
    expect((await lease.take(1))[0]?.wire).toBe(opened[0]);
    // Without this, the pool opens another wire when this one ends.
    all.destroy().subscribe();
    opened.forEach((wire) => wire.unsubscribe());
    running.unsubscribe();
  });

  it('does not lend a wire while that reconnects', async () => {
    const { all, net, state } = open({ min: 1, max: 1 });
    await settled(() => state()?.idle === 1);
    net.down();
    expect(state()).toMatchObject({ size: 1, idle: 0 });
    const waiting = record(all.acquire());
    const lease = (): Lease | undefined => waiting.values[0];
    await turn();
    expect(lease()).toBeUndefined();
    net.up();
    await waiting.take(1);
    net.down();
    lease()?.release();
    expect(state()).toMatchObject({ leased: 0, idle: 0, size: 1 });
    net.up();
    await settled(() => state()?.idle === 1);
  });

  it('closes what nobody has used for long, down to min', async () => {
    const { all, state, wait, wires } = open({ min: 1, max: 3, idleTimeout: 1_000 });
    const leases = await Promise.all([acquire(all), acquire(all), acquire(all)]);
    leases[0].release();
    wait(500);
    leases[1].release();
    leases[2].release();
    wait(500);
    expect(state()?.idle).toBe(2);
    wait(500);
    expect(state()?.idle).toBe(1);
    await settled(() => state()?.size === 1);
    wait(10_000);
    expect([state()?.size, wires.length, all.state$]).toEqual([1, 3, expect.anything()]);
  });

  it('closes what is discarded, and opens another when there is need', async () => {
    const { all, state, wires } = open({ max: 1 });
    const lease = await acquire(all);
    const next = record(all.acquire());
    lease.discard();
    const [other] = await next.take(1);
    expect([other?.wire === wires[1], lease.wire.state.status, state()?.size]).toEqual([true, 'disconnected', 1]);
  });

  describe('use', () => {
    it('releases the wire when the work completes, fails, throws or is left', async () => {
      const { all, state } = open({ max: 1 });
      const boom = new Error('boom');
      const works: readonly ((wire: Wire) => Observable<number>)[] = [
        () => of(1),
        () => throwError(() => boom),
        () => {
          throw boom;
        },
      ];
      const ends: unknown[] = [];
      for (const work of works) ends.push(await record(all.use(work)).ended);
      expect(ends).toEqual(['complete', boom, boom]);
      const left = record(all.use(() => NEVER));
      expect(state()?.leased).toBe(1);
      left.subscription.unsubscribe();
      expect(state()).toMatchObject({ leased: 0, idle: 1 });
    });

    it('lends anew for each subscriber, and takes promises', async () => {
      const { all, served } = open({ max: 2 });
      const sent$ = all.use((wire) => wire.send(createMessage('note', 1)));
      const results = [record(sent$), record(sent$)];
      await settled(() => served.length === 2);
      served.forEach((wire) => wire.subscribe());
      expect(await Promise.all(results.map(({ ended }) => ended))).toEqual(['complete', 'complete']);
    });

    it('does not recurse through 1,000 who wait and give back at once', async () => {
      const { all } = open({ max: 1 });
      const lease = await acquire(all);
      const all$ = Array.from({ length: 1_000 }, (_, index) => record(all.use(() => of(index))));
      lease.release();
      expect(all$.map(({ values }) => values[0])).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    });

    it('runs as many at once as there are wires', async () => {
      const { all } = open({ max: 2 });
      let running = 0;
      let most = 0;
      const work = (): Observable<number> => {
        most = Math.max(most, ++running);
        return timer(1).pipe(map(() => running--));
      };
      await Promise.all(Array.from({ length: 6 }, () => record(all.use(work)).ended));
      expect(most).toBe(2);
    });
  });

  describe('destroy', () => {
    it('drains: what is lent is closed when it is released, and all that was sent arrives', async () => {
      const { all, served, states } = open({ max: 2 });
      const [lent, free] = [await acquire(all), await acquire(all)];
      await settled(() => served.length === 2);
      const arrived = served.map((wire) => record(wire));
      free.release();
      lent.wire.next(createMessage('note', 'before'));
      const destroyed = record(all.destroy());
      const waiting = record(all.acquire());
      expect(await waiting.ended).toEqual(new PoolClosedError());
      lent.wire.next(createMessage('note', 'still mine'));
      await settled(() => states.values.at(-1)?.size === 1);
      expect(destroyed.isOver()).toBe(false);
      lent.release();
      expect([await destroyed.ended, await states.ended]).toEqual(['complete', 'complete']);
      expect(arrived.flatMap(({ values }) => values.map(({ payload }) => payload))).toEqual(['before', 'still mine']);
      expect(await record(all.destroy()).ended).toBe('complete');
    });

    it('fails who waits, and lets go of what is not released in time', async () => {
      const { all, wait, scheduler } = open({ max: 1, drainTimeout: 1_000 });
      const lease = await acquire(all);
      const waiting = record(all.acquire());
      const destroyed = record(all.destroy());
      expect(await waiting.ended).toEqual(new PoolClosedError());
      wait(999);
      expect(destroyed.isOver()).toBe(false);
      wait(1);
      expect([await destroyed.ended, lease.wire.state.status]).toEqual(['complete', 'disconnected']);
      lease.release();
      expect(scheduler.actions).toEqual([]);
    });

    it('is done at once where nothing is open', async () => {
      expect(await record(open().all.destroy()).ended).toBe('complete');
    });

    it('opens nothing any more', () => {
      const { all, wires, wait } = open({ min: 1, initialInterval: 100 });
      wires[0]!.error(new Error('boom'));
      all.destroy();
      wait(60_000);
      expect(wires).toHaveLength(1);
    });
  });

  it.each([
    [{ max: 0 }, 'pool: "max" must be a whole number from 1 to 2147483647, got 0'],
    [{ min: 3, max: 2 }, 'pool: "min" must be a whole number from 0 to 2, which is "max", got 3'],
    [{ min: 0.5 }, 'pool: "min" must be a whole number from 0 to 10, which is "max", got 0.5'],
    [{ acquireTimeout: 0 }, 'pool: "acquireTimeout" must be > 0, got 0'],
    [{ drainTimeout: -1 }, 'pool: "drainTimeout" must be >= 0, got -1'],
    [{ maxWaiting: 0 }, 'pool: "maxWaiting" must be a whole number from 1 to 2147483647, got 0'],
  ])('refuses %j when called', (options, message) => {
    expect(() => pool({ open: () => network().connect(), ...options })).toThrow(new RangeError(message));
  });
});
