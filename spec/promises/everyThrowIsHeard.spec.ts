import { filter, firstValueFrom, map, mergeMap, Subject, throwError, timer, type Observable } from 'rxjs';
import { queue } from '../../lib/operators/queue/queue.js';
import type { Queue } from '../../lib/operators/queue/queueOptions.js';
import { reply } from '../../lib/operators/requests/reply.js';
import { createRouter, route } from '../../lib/operators/routing/route.js';
import { intercept, use } from '../../lib/operators/routing/use.js';
import { ReplyError, type RxwireError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';

const boom = new Error('boom');
const message = (id: string): Message => createMessage('test.any', null, { id, timestamp: 0 });

interface Callbacks {
  readonly onError?: (error: RxwireError, message: Message) => void;
}
/** An operator whose handler is this function. */
type Operator = (handler: (message: Message) => never, callbacks: Callbacks) => (messages$: Observable<Message>) => Observable<unknown>;

const retry = false;

const queues: Queue<Message>[] = [];
afterEach(() => queues.splice(0).forEach(({ close }) => close()));
function createQueue(): Queue<Message> {
  const made = queue('letters');
  queues.push(made);
  return made;
}

/** A queue that the stream fills, and its processor. */
const processed: Operator = (handler, callbacks) => (messages$) => {
  const made = createQueue();
  const processed$ = made.process(handler, { retry, ...callbacks });
  messages$.subscribe(made);
  return processed$;
};

const operators: Readonly<Record<string, readonly [Operator, code: string]>> = {
  use: [(handler, callbacks) => use(handler, callbacks), 'ERR_MIDDLEWARE'],
  intercept: [(handler, callbacks) => intercept('test.*', handler, callbacks), 'ERR_MIDDLEWARE'],
  consume: [(handler, callbacks) => consume(handler, { retry, ...callbacks }), 'ERR_HANDLER'],
  route: [(handler, callbacks) => route({ 'test.*': handler }, { retry, ...callbacks }), 'ERR_HANDLER'],
  createRouter: [
    (handler, callbacks) => {
      const router = createRouter({ retry, ...callbacks });
      router.add('**', handler);
      return router.route;
    },
    'ERR_HANDLER',
  ],
  reply: [(handler, callbacks) => reply({ 'test.any': handler }, callbacks), 'ERR_HANDLER'],
  'reply, behind a middleware': [
    (handler, callbacks) => (messages$) =>
      messages$.pipe(
        use(() => undefined),
        reply({ 'test.any': handler }, callbacks),
      ),
    'ERR_HANDLER',
  ],
  'process of a queue': [processed, 'ERR_HANDLER'],
};

/** The ways in which a handler fails. */
const ways: Readonly<Record<string, () => never>> = {
  'throws at once': () => {
    throw boom;
  },
  'rejects a promise': () => Promise.reject(boom) as never,
  'delivers an error later': () => timer(1).pipe(mergeMap(() => throwError(() => boom))) as never,
};

const cases = Object.entries(operators).flatMap(([name, [operator, code]]) =>
  Object.entries(ways).map(([way, fail]) => [name, way, operator, fail, code] as const),
);

describe.each(cases)('a handler of %s that %s', (name, _way, operator, fail, code) => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  /** A handler that fails for the message `bad`, and the ids that it was called with. */
  function failing() {
    const seen: string[] = [];
    const handler = ({ id }: Message): never => {
      seen.push(id);
      return id === 'bad' ? fail() : (undefined as never);
    };
    // A handler of `reply` returns a stream of replies.
    const answering = ({ id }: Message): never => (id === 'bad' ? handler(message(id)) : ([seen.push(id)] as never));
    return { seen, handler: name.startsWith('reply') ? answering : handler };
  }

  /** The operator on a stream that no wire delivers. */
  function alone(callbacks: Callbacks) {
    const { seen, handler } = failing();
    const source = new Subject<Message>();
    const stream = record(source.pipe(operator(handler, callbacks)));
    source.next(message('bad'));
    return { ...stream, seen, source };
  }

  /** The operator on the messages of a wire. */
  async function onWire(callbacks: Callbacks) {
    const { seen, handler } = failing();
    const errors: RxwireError[] = [];
    const streams: ReturnType<typeof record>[] = [];
    const both = pair({
      onServerWire(served) {
        served.errors$.subscribe((error) => errors.push(error));
        streams.push(record(served.pipe(operator(handler, callbacks))));
      },
    });
    cleanups.push(both.close);
    await both.serverWire();
    return { seen, errors, wire: both.wire, stream: streams[0]! };
  }

  it('ends a stream that no wire delivers, with an error that says why', async () => {
    const { ended } = alone({});
    expect(await ended).toMatchObject({ code, id: 'bad', type: 'test.any', cause: boom });
  });

  it('is passed to onError on such a stream, which continues', async () => {
    const heard: unknown[] = [];
    const { source, seen, isOver } = alone({ onError: (error, { id }) => void heard.push([error, id]) });
    await eventually(() => expect(heard).toMatchObject([[{ code, cause: boom }, 'bad']]));
    source.next(message('good'));
    await eventually(() => expect(seen).toEqual(['bad', 'good']));
    expect(isOver()).toBe(false);
  });

  it('ends such a stream with the exception of onError', async () => {
    const other = new Error('other');
    const { ended } = alone({
      onError() {
        throw other;
      },
    });
    expect(await ended).toBe(other);
  });

  it('is reported in errors$ of the wire that delivers the message, and the stream continues', async () => {
    const { wire, errors, seen, stream } = await onWire({});
    wire.next(message('bad'));
    await wire.send(message('good'));
    await eventually(() => expect(errors).toMatchObject([{ code, id: 'bad', cause: boom }]));
    expect([seen, stream.isOver()]).toEqual([['bad', 'good'], false]);
  });

  it('is passed to onError on a wire, too', async () => {
    const heard: unknown[] = [];
    const { wire, errors } = await onWire({ onError: (error, { id }) => void heard.push([error, id]) });
    wire.next(message('bad'));
    await eventually(() => expect(heard).toMatchObject([[{ code, cause: boom }, 'bad']]));
    expect(errors).toEqual([(heard[0] as readonly unknown[])[0]]);
  });

  it('ends the stream of a wire with the exception of onError, and does not ack the message', async () => {
    const other = new Error('other');
    const { wire, stream } = await onWire({
      onError() {
        throw other;
      },
    });
    const acked = record(wire.receipts$.pipe(filter(({ status }) => status === 'acked')));
    wire.next(message('bad'));
    expect(await stream.ended).toBe(other);
    await firstValueFrom(timer(5));
    // A request is acked when it has arrived.
    if (!name.startsWith('reply')) expect(acked.values).toEqual([]);
  });
});

describe('a failure that another callback receives', () => {
  const fail = (): never => {
    throw boom;
  };
  const source = () => new Subject<Message>();

  it.each<[string, (letters: ReturnType<typeof memoryDeadLetters>) => (messages$: Observable<Message>) => Observable<unknown>]>([
    ['consume', ({ add }) => consume(fail, { retry, deadLetter: add })],
    ['route', ({ add }) => route({ '**': fail }, { retry, deadLetter: add })],
    [
      'process of a queue',
      ({ add }) =>
        (messages$) => {
          const made = createQueue();
          messages$.subscribe(made);
          return made.process(fail, { retry, deadLetter: add });
        },
    ],
  ])('does not end the stream: deadLetter of %s', (_, operator) => {
    const letters = memoryDeadLetters();
    const messages$ = source();
    const { values, isOver } = record(messages$.pipe(operator(letters)));
    messages$.next(message('a'));
    messages$.next(message('b'));
    expect([values.length, isOver()]).toEqual([2, false]);
    expect(record(letters.list()).values.map(({ message: { id } }) => id)).toEqual(['a', 'b']);
  });

  it('does not end the stream: a subscriber of dead$ of a router; without a subscriber, it does', async () => {
    const router = createRouter({ retry });
    router.add('**', fail);
    const dead = record(router.dead$.pipe(map(({ error }) => error)));
    const messages$ = source();
    const { isOver, ended } = record(messages$.pipe(router.route));
    messages$.next(message('a'));
    expect([dead.values, isOver()]).toEqual([[boom], false]);
    dead.subscription.unsubscribe();
    messages$.next(message('b'));
    expect(await ended).toMatchObject({ code: 'ERR_HANDLER', id: 'b' });
  });

  it('does not end the stream: a caller that gets the whole error as its reply', () => {
    const messages$ = source();
    const { values, isOver } = record(messages$.pipe(reply({ 'test.any': () => throwError(() => new ReplyError('ERR_NO', 'no')) })));
    messages$.next(message('a'));
    expect([values, isOver()]).toMatchObject([[{ type: 'reply.error', payload: { code: 'ERR_NO' } }], false]);
  });

  it('ends the stream after the caller got its reply, where that says less than the error', async () => {
    const messages$ = source();
    const { values, ended } = record(messages$.pipe(reply({ 'test.any': fail })));
    messages$.next(message('a'));
    expect(await ended).toMatchObject({ code: 'ERR_HANDLER', cause: boom });
    expect(values).toMatchObject([{ type: 'reply.error', payload: { code: 'ERR_INTERNAL' } }]);
  });
});

it('a message that too many others keep from a handler ends a stream that no wire delivers', async () => {
  const work = new Subject<void>();
  const messages$ = new Subject<Message>();
  const streams = [
    consume(() => work, { maxWaiting: 0 }),
    route({ '**': () => work }, { maxRunning: 1 }),
    use(() => work, { maxWaiting: 1 }),
  ].map((operator) => record(messages$.pipe(operator as (source: Observable<Message>) => Observable<unknown>)));
  for (const id of ['a', 'b', 'c']) messages$.next(message(id));
  for (const { ended } of streams) expect(await ended).toMatchObject({ code: 'ERR_OVERFLOW' });
});

it('puts a failed message back into a queue without subscribers', async () => {
  const made = createQueue();
  const fail = (): never => {
    throw boom;
  };
  const first = record(made.process(fail, { retry }));
  made.next(message('a'));
  expect(await first.ended).toMatchObject({ code: 'ERR_HANDLER' });
  const second = record(made.process(() => undefined));
  expect(second.values).toMatchObject([{ message: { id: 'a' }, status: 'done' }]);
});
