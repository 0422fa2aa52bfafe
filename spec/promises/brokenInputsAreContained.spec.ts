import { config, EMPTY, Observable, of, Subject, throwError } from 'rxjs';
import { asynchronous } from '../../lib/codec/asynchronous.js';
import { json } from '../../lib/codec/json.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { RxwireError } from '../../lib/message/errors.js';
import { queue } from '../../lib/operators/queue/queue.js';
import { request } from '../../lib/operators/requests/request.js';
import { reply } from '../../lib/operators/requests/reply.js';
import { testWire, type TestWireOptions } from '../../lib/adapters/testing/testWire.js';
import { serve } from '../../lib/server/serve.js';
import { durable } from '../../lib/wire/session/clientStores.js';
import { inspected } from '../../lib/wire/session/inspected.js';
import { connect } from '../../lib/wire/connect.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { eventually } from '../support/eventually.js';
import { fakeQueueStore } from '../support/fakeQueueStore.js';
import { record } from '../support/record.js';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};
/** An `async` function, where the types expect one that returns nothing. */
const rejects = (() => Promise.reject(boom)) as () => void as () => never;
const message = (id: string) => createMessage('test.any', null, { id });

const uncaught: unknown[] = [];
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  config.onUnhandledError = (error) => uncaught.push(error);
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  config.onUnhandledError = null;
  expect(uncaught.splice(0)).toEqual([]);
});

/** A client whose messages a server takes, and what its wire reports. */
function client(options: TestWireOptions) {
  const errors: RxwireError[] = [];
  const both = testWire({ serve: (wire) => wire.subscribe(), ...options });
  both.wire.errors$.subscribe((error) => errors.push(error));
  const end = record(both.wire);
  cleanups.push(both.close);
  return { ...both, errors, end };
}

describe('what an application passes in, and that fails later, ends neither the process nor the wire', () => {
  it.each<[string, Observable<never>]>([
    ['at once', throwError(() => boom)],
    ['as it is subscribed to', new Observable(fail)],
  ])('faults$ of an outbox, %s', async (_, faults$) => {
    const outbox = { ...memoryOutbox(), isDurable: true, durability: durable, faults$ };
    const { wire, errors, end } = client({ outbox });
    expect(await wire.send(message('1'))).toMatchObject({ status: 'acked' });
    expect(errors).toMatchObject([{ code: 'ERR_STORE', store: 'outbox', fault: 'failed', cause: boom }]);
    expect(end.isOver()).toBe(false);
  });

  it('faults$ of a queue', async () => {
    const store = fakeQueueStore();
    const jobs = queue('jobs', { store });
    const errors = record(jobs.errors$);
    const done = record(jobs.process(() => 'done'));
    store.faults$.error(boom);
    jobs.next(message('1'));
    await done.take(1);
    expect(errors.values).toEqual([boom]);
    jobs.close();
  });

  it('close of an outbox', () => {
    const { wire, errors } = client({ outbox: { ...memoryOutbox(), close: fail } });
    const state = record(wire.state$);
    wire.unsubscribe();
    expect(errors).toMatchObject([{ code: 'ERR_STORE', cause: boom }]);
    expect(state.values.at(-1)).toMatchObject({ status: 'disconnected', isFinal: true });
  });

  it('onRetry that is async', async () => {
    const { wire, errors, drop, end } = client({ reconnect: { initialInterval: 5, maxInterval: 5, onRetry: rejects } });
    await wire.send(message('1'));
    drop();
    expect(await wire.send(message('2'))).toMatchObject({ status: 'acked' });
    expect(errors.filter(({ code }) => code === 'ERR_CALLBACK')).toMatchObject([{ callback: 'onRetry', cause: boom }]);
    expect(end.isOver()).toBe(false);
  });

  it('a codec whose Observable is empty', async () => {
    const codec = { ...json(), asynchronous, encode: () => EMPTY };
    const { wire, end } = client({ codec: codec, server: { codecs: [json()] } });
    await expect(wire.send(message('1'))).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' });
    expect(end.isOver()).toBe(false);
  });

  it('onProgress that is async: the request fails, as if it had thrown', async () => {
    const handlers = {
      'test.any': (_: unknown, { progress }: { progress(value: never): void }) => {
        progress(1 as never);
        return new Subject<never>();
      },
    };
    const { wire } = client({ serve: (there) => there.pipe(reply(handlers, { progressInterval: 1 })).subscribe(there) });
    const answer = record(request(wire, message('1'), { onProgress: rejects }));
    expect(await answer.ended).toBe(boom);
  });
});

describe('inspected', () => {
  it.each([
    ['throws', fail],
    ['rejects', rejects],
  ])('reports a function that %s, and the connection continues', async (_, callback) => {
    const { link } = client({});
    const wire = connect({ link: inspected(link, { onFrame: callback, onConnection: callback }) });
    cleanups.push(() => wire.unsubscribe());
    expect(await wire.send(message('1'))).toMatchObject({ status: 'acked' });
    await eventually(() => expect(uncaught.length).toBeGreaterThan(2));
    for (const error of uncaught.splice(0)) expect(error).toMatchObject({ code: 'ERR_CALLBACK', cause: boom });
    wire.unsubscribe();
    await eventually(() => expect(uncaught.splice(0)).toMatchObject([{ code: 'ERR_CALLBACK' }]));
  });
});

describe('serve', () => {
  it('continues, and reports a shutdown$ that is no Observable', async () => {
    const [, far] = memoryLink<Frame>();
    const refused: RxwireError[] = [];
    const serving = record(serve(of(far), { shutdown$: { on: () => undefined } as never, onRefused: (error) => refused.push(error) }));
    await eventually(() => expect(refused).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'shutdown$' }]));
    expect(serving.isOver()).toBe(false);
    serving.subscription.unsubscribe();
  });
});
