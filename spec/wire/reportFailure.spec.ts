import { createMetrics } from '../../lib/adapters/metrics/index.js';
import { meterWire } from '../../lib/operators/metrics/meter.js';
import { config, type Subscription, VirtualTimeScheduler } from 'rxjs';
import { HandlerError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { queue } from '../../lib/operators/queue/queue.js';
import { reply } from '../../lib/operators/requests/reply.js';
import { createRouter, route } from '../../lib/operators/routing/route.js';
import { use } from '../../lib/operators/routing/use.js';
import { warnOfHandler } from '../../lib/server/session/handlerWarnings.js';
import type { Wire } from '../../lib/wire/wire.js';
import { pair } from '../support/sessionPair.js';

const boom = new Error('boom');
const failing = (): never => {
  throw boom;
};
const retry = false;
/** Each test has a type of its own: a type has one warning a minute. */
let tests = 0;
const current = (): string => `test.any${tests}`;
const message = (id: string, type = current()): Message => createMessage<string, unknown>(type, null, { id });

describe('reportFailure', () => {
  const uncaught: unknown[] = [];
  const cleanups: (() => void)[] = [];
  beforeEach(() => {
    uncaught.length = 0;
    tests++;
    config.onUnhandledError = (error) => void uncaught.push(error);
  });
  afterEach(() => {
    config.onUnhandledError = null;
    cleanups.splice(0).forEach((cleanup) => cleanup());
  });

  /** Sends a message to a server with a failing handler, once it has processed the message. */
  async function failedAt(handle: (wire: Wire, scheduler: VirtualTimeScheduler) => Subscription): Promise<void> {
    const made = pair({ onServerWire: (wire) => void handle(wire, new VirtualTimeScheduler()) });
    cleanups.push(made.close);
    await made.wire.send(message('a'));
    await made.wire.send(message('b'));
  }

  const jobs = (wire: Wire, onError?: () => void): Subscription => {
    const all = queue('jobs');
    all.process(failing, { retry, ...(onError && { onError }) }).subscribe();
    return wire.subscribe(all);
  };

  it.each<[where: string, (wire: Wire, scheduler: VirtualTimeScheduler) => Subscription]>([
    ['consume', (wire, scheduler) => wire.pipe(consume(failing, { retry, scheduler })).subscribe()],
    ['route', (wire, scheduler) => wire.pipe(route({ 'test.*': failing }, { retry, scheduler })).subscribe()],
    ['reply', (wire, scheduler) => wire.pipe(reply({ [current()]: failing }, { scheduler })).subscribe(wire)],
    ['use', (wire, scheduler) => wire.pipe(use(failing, { scheduler })).subscribe()],
    ['a queue', (wire) => jobs(wire)],
    [
      'a wire with meterWire',
      (wire, scheduler) => {
        meterWire(wire, createMetrics());
        return wire.pipe(consume(failing, { retry, scheduler })).subscribe();
      },
    ],
  ])('reports once, as an uncaught error, that handlers of a type fail in %s', async (_, handle) => {
    await failedAt(handle);
    expect(uncaught).toMatchObject([{ cause: boom, message: expect.stringContaining('test.any') }]);
  });

  it.each<[who: string, (wire: Wire, scheduler: VirtualTimeScheduler) => Subscription]>([
    [
      'a subscriber of errors$',
      (wire, scheduler) => {
        wire.errors$.subscribe();
        return wire.pipe(consume(failing, { retry, scheduler })).subscribe();
      },
    ],
    ['onError', (wire, scheduler) => wire.pipe(consume(failing, { retry, scheduler, onError: () => undefined })).subscribe()],
    ['deadLetter', (wire, scheduler) => wire.pipe(consume(failing, { retry, scheduler, deadLetter: () => undefined })).subscribe()],
    ['onError of reply', (wire, scheduler) => wire.pipe(reply({ [current()]: failing }, { scheduler, onError: () => 0 })).subscribe(wire)],
    ['onError of a queue', (wire) => jobs(wire, () => undefined)],
    [
      'a subscriber of dead$',
      (wire, scheduler) => {
        const router = createRouter({ retry, scheduler });
        router.add(current(), failing);
        router.dead$.subscribe();
        return wire.pipe(router.route).subscribe();
      },
    ],
  ])('reports nothing twice: %s receives the failure', async (_, handle) => {
    await failedAt(handle);
    expect(uncaught).toEqual([]);
  });

  it('reports each type once a minute, and at most 100 types', () => {
    const scheduler = new VirtualTimeScheduler();
    const fail = (type: string): void => {
      warnOfHandler(new HandlerError({ id: 'a', type }, 1, boom), type, scheduler);
    };
    const counts = [0, 30_000, 59_999, 60_000].map((now) => {
      scheduler.frame = now;
      for (let type = 0; type < 1_000; type++) for (let time = 0; time < 2; time++) fail(`type.${type}`);
      return uncaught.length;
    });
    expect(counts).toEqual([100, 100, 100, 200]);
  });
});
