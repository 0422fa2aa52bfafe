import { filter, map, Subject, throwError, timer, type Observable } from 'rxjs';
import { queue } from '../../lib/operators/queue/queue.js';
import type { Queue } from '../../lib/operators/queue/queueOptions.js';
import { replayDeadLetters } from '../../lib/operators/deadLetters/replayDeadLetters.js';
import { intercept, use } from '../../lib/operators/routing/use.js';
import { route, createRouter } from '../../lib/operators/routing/route.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbStore } from '../../lib/stores/lmdb/lmdbStore.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { deliver, type DeliverySession, type ClaimOutcome, type SessionCapabilities } from '../../lib/wire/session/messageClaim.js';
import type { DeadLetter, DeadLetterStore } from '../../lib/stores/deadLetterStore.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import type { Wire } from '../../lib/wire/wire.js';
import { folder } from '../stores/lmdb/folder.js';
import { eventually } from '../support/eventually.js';
import { fakeInbox } from '../support/fakeInbox.js';
import { protocols } from '../support/protocols.js';
import { record } from '../support/record.js';
import { pair, type PairOptions } from '../support/sessionPair.js';

const boom = new Error('boom: /srv/secret');
const fail = (): never => {
  throw boom;
};
const message = (id: string): Message => createMessage('test.any', id, { id });
const retry = false;
const lettersOf = ({ list }: Pick<DeadLetterStore, 'list'>): readonly string[] => record(list().pipe(map((one) => one.message.id))).values;

const cleanups: (() => unknown)[] = [];
afterEach(() =>
  cleanups
    .splice(0)
    .reverse()
    .forEach((cleanup) => cleanup()),
);
function createQueue(): Queue<Message> {
  const made = queue('letters');
  cleanups.push(made.close);
  return made;
}

type Operator = (messages$: Observable<Message>) => Observable<unknown>;
const operators: Readonly<Record<string, Operator>> = {
  consume: consume(fail, { retry }),
  'consume, later': consume(() => timer(1).pipe(map(fail)), { retry }),
  route: route({ '**': fail }, { retry }),
  createRouter: (messages$) => {
    const router = createRouter({ retry });
    router.add('**', fail);
    return messages$.pipe(router.route);
  },
  use: use(fail),
  'use, later': use(() => timer(1).pipe(map(fail))),
  intercept: intercept('test.*', fail),
  'consume, behind a middleware that takes its time': (messages$) =>
    messages$.pipe(
      use(() => timer(1).pipe(map(() => undefined))),
      consume(fail, { retry }),
    ),
  'process of a queue': (messages$) => {
    const made = createQueue();
    messages$.subscribe(made);
    return made.process(fail, { retry });
  },
};

/** A client, and a server that runs this operator. */
async function serving(operator: Operator, options: PairOptions = {}) {
  const streams: ReturnType<typeof record>[] = [];
  const both = pair({ ...options, onServerWire: (served) => void streams.push(record(served.pipe(operator))) });
  cleanups.push(both.close);
  const served = await both.serverWire();
  return { ...both, served, stream: streams[0]!, errors: record(served.errors$) };
}
const acksOf = (wire: Wire) => record(wire.receipts$.pipe(filter(({ status }) => status === 'acked')));

describe.each(protocols)('a message whose handler has finally failed, by the %s protocol', (_protocol, protocol) => {
  it.each(Object.entries(operators))('is a dead letter of the wire, without any option, and is acked: %s', async (_, operator) => {
    const { wire, served, errors } = await serving(operator, { client: { protocol } });
    expect((await wire.send(message('a'))).status).toBe('acked');
    await eventually(() => expect(lettersOf(served.deadLetters)).toEqual(['a']));
    expect(record(served.deadLetters.list()).values).toMatchObject([
      { id: 1, message: { id: 'a', payload: 'a' }, reason: boom.message, attempts: 1, history: [{ error: boom.message }] },
    ]);
    expect(errors.values).toHaveLength(1);
  });

  it('is a dead letter of the client, if the server has sent it', async () => {
    const { wire, served } = await serving((messages$) => messages$, { client: { protocol } });
    wire.pipe(consume(fail, { retry })).subscribe();
    await served.send(message('a'));
    await eventually(() => expect(lettersOf(wire.deadLetters)).toEqual(['a']));
    expect(lettersOf(served.deadLetters)).toEqual([]);
  });

  it('is kept at at-most-once, too', async () => {
    const { wire, served } = await serving(operators['consume']!, { client: { protocol, delivery: 'at-most-once' } });
    await wire.send(message('a'));
    await eventually(() => expect(lettersOf(served.deadLetters)).toEqual(['a']));
  });

  it('can be replayed', async () => {
    const { wire, served } = await serving(operators['consume']!, { client: { protocol } });
    await wire.send(message('a'));
    const replayed: string[] = [];
    await eventually(() => expect(lettersOf(served.deadLetters)).toEqual(['a']));
    replayDeadLetters(served.deadLetters, ({ id }) => void replayed.push(id)).subscribe();
    expect([replayed, lettersOf(served.deadLetters)]).toEqual([['a'], []]);
  });
});

describe.each(Object.entries(operators))('the receipt of the sender, with %s', (_, operator) => {
  it('says acked, and that the message is a dead letter', async () => {
    const { wire } = await serving(operator);
    expect(await wire.send(message('a'))).toMatchObject({ status: 'acked', outcome: 'dead-lettered' });
  });
});

it('the receipt of the sender says acked, and that the message was processed', async () => {
  const { wire } = await serving(consume(() => undefined));
  expect(await wire.send(message('a'))).toMatchObject({ status: 'acked', outcome: 'processed' });
});

describe('the dead letters of a wire', () => {
  it('are the latest 1,000 by default; errors$ reports each one that is evicted', async () => {
    const { wire, served, errors } = await serving(operators['consume']!);
    for (let index = 0; index <= 1_000; index++) wire.next(message(String(index)));
    await eventually(() => expect(errors.values.filter(({ code }) => code === 'ERR_HANDLER')).toHaveLength(1_001));
    expect(errors.values.filter(({ code }) => code !== 'ERR_HANDLER')).toMatchObject([{ code: 'ERR_DROPPED', id: '0', reason: 'evicted' }]);
    const left = lettersOf(served.deadLetters);
    expect([left.length, left[0]]).toEqual([1_000, '1']);
  });

  it('contain the letters of all wires of a server, and outlive the wire', async () => {
    const { wire, served, serverWire, connect } = await serving(operators['consume']!);
    await wire.send(message('a'));
    const ended = record(served);
    wire.complete();
    await ended.ended;
    const other = connect();
    cleanups.push(() => other.unsubscribe());
    expect(lettersOf((await serverWire(1)).deadLetters)).toEqual(['a']);
  });

  it('are in the store that the options name: of the server, and of the client', async () => {
    const [there, here] = [memoryDeadLetters(), memoryDeadLetters()];
    const { wire, served } = await serving(operators['consume']!, { server: { deadLetters: there }, client: { deadLetters: here } });
    wire.pipe(route({ '**': fail }, { retry })).subscribe();
    await wire.send(message('a'));
    await served.send(message('b'));
    expect([served.deadLetters === there, wire.deadLetters === here]).toEqual([true, true]);
    expect([lettersOf(there), lettersOf(here)]).toEqual([['a'], ['b']]);
  });

  it.each<[string, (add: (letter: DeadLetter) => void) => Operator]>([
    ['consume', (deadLetter) => consume(fail, { retry, deadLetter })],
    ['route', (deadLetter) => route({ '**': fail }, { retry, deadLetter })],
    [
      'process of a queue',
      (deadLetter) => (messages$) => {
        const made = createQueue();
        messages$.subscribe(made);
        return made.process(fail, { retry, deadLetter });
      },
    ],
  ])('do not contain a message that the option deadLetter has stored: %s', async (_, operator) => {
    const letters: string[] = [];
    const { wire, served } = await serving(operator((letter) => void letters.push(letter.message.id)));
    await wire.send(message('a'));
    expect([letters, lettersOf(served.deadLetters)]).toEqual([['a'], []]);
  });

  it('are refused at call time, if the option is no store', () => {
    const { connect, close } = pair();
    cleanups.push(close);
    expect(() => connect({ deadLetters: memoryDeadLetters as never })).toThrow(TypeError);
  });
});

describe.each(Object.entries(operators))('a store that takes its time, with %s', (name, operator) => {
  it('holds back the ack until the letter is stored', async () => {
    const stored$ = new Subject<void>();
    const added: string[] = [];
    const add = ({ message: { id } }: DeadLetter) => {
      added.push(id);
      return stored$;
    };
    const { wire } = await serving(operator, { server: { deadLetters: { ...memoryDeadLetters(), add } } });
    const acked = acksOf(wire);
    wire.next(message('a'));
    await eventually(() => expect(added).toEqual(['a']));
    await eventually(() => expect(stored$.observed).toBe(true));
    expect(acked.values).toEqual([]);
    stored$.next();
    expect(await acked.take(1)).toMatchObject([{ id: 'a' }]);
  });

  // The queue, which has other senders, continues.
  const isQueue = name === 'process of a queue';
  const title = isQueue
    ? 'stores the letter later when it fails, also after the next server has received the message again'
    : 'ends the stream with its error when it fails, and the next server receives the message again';
  it(title, async () => {
    const full = new Error('full');
    let isFull = true;
    const { deadLetters, letters } = { deadLetters: memoryDeadLetters(), letters: [] as string[] };
    const add = (letter: DeadLetter) => (isFull ? throwError(() => full) : void letters.push(letter.message.id));
    const { wire, stream, restart } = await serving(operator, { server: { deadLetters: { ...deadLetters, add } } });
    const acked = acksOf(wire);
    wire.next(message('a'));
    if (!isQueue) expect(await stream.ended).toBe(full);
    expect(acked.values).toEqual([]);
    isFull = false;
    restart();
    expect(await acked.take(1)).toMatchObject([{ id: 'a' }]);
    expect(letters).toEqual(['a']);
  });
});

describe('with an inbox', () => {
  it.each(Object.entries(operators))('a letter is written once, in the transaction that moves the cursor: %s', async (_, operator) => {
    const inbox = fakeInbox();
    const { wire, served } = await serving(operator, { server: { inbox } });
    await wire.send(message('a'));
    expect(inbox.letters.map((letter) => letter.message.id)).toEqual(['a']);
    expect(inbox.commits).toMatchObject([{ cursor: { done: 1 } }]);
    expect(lettersOf(served.deadLetters)).toEqual([]);
  });

  it('deadLetters of the wire are the letters of the LMDB store, each once', async () => {
    const store = lmdbStore({ path: folder() });
    cleanups.push(store.close);
    const { wire, served } = await serving(operators['consume']!, { server: { inbox: store.inbox } });
    for (const id of ['a', 'b']) await wire.send(message(id));
    expect(served.deadLetters).toBe(store.deadLetters);
    expect(lettersOf(served.deadLetters)).toEqual(['a', 'b']);
  });

  it('a letter is still in that transaction when the options name the same store', async () => {
    const store = lmdbStore({ path: folder() });
    cleanups.push(store.close);
    let adds = 0;
    const deadLetters = {
      ...store.deadLetters,
      add: (letter: DeadLetter) => {
        adds++;
        return store.deadLetters.add(letter);
      },
    };
    const { wire } = await serving(operators['consume']!, { server: { inbox: { ...store.inbox, deadLetters }, deadLetters } });
    await wire.send(message('a'));
    expect([adds, lettersOf(store.deadLetters)]).toEqual([0, ['a']]);
  });

  it('another store that the options name has the letters, and the inbox has none', async () => {
    const inbox = fakeInbox();
    const deadLetters = memoryDeadLetters();
    const { wire } = await serving(operators['consume']!, { server: { inbox, deadLetters } });
    await wire.send(message('a'));
    expect([lettersOf(deadLetters), inbox.letters]).toEqual([['a'], []]);
  });

  it('so has the option deadLetter', async () => {
    const inbox = fakeInbox();
    const letters = memoryDeadLetters();
    const { wire } = await serving(consume(fail, { retry, deadLetter: letters.add }), { server: { inbox } });
    await wire.send(message('a'));
    expect([lettersOf(letters), inbox.letters]).toEqual([['a'], []]);
  });
});

describe('the session', () => {
  /** The outcomes of a message that an operator processes. */
  function outcomesOf(operator: Operator, terms: Partial<SessionCapabilities> = {}): readonly ClaimOutcome[] {
    const settled: ClaimOutcome[] = [];
    const source = new Subject<Message>();
    record(source.pipe(operator));
    const session = { canWrite: false, isOver: false, reportError: () => undefined, ...terms };
    const settle: DeliverySession['settle'] = (_, outcomes) => void settled.push(...outcomes);
    deliver(message('a'), (one) => source.next(one), { ...session, settle });
    return settled;
  }

  it.each<[string, Operator, string]>([
    ['consume', operators['consume']!, 'ERR_HANDLER'],
    ['consume, for lack of room', consume(() => new Subject(), { maxWaiting: 0 }), 'ERR_OVERFLOW'],
    ['route', operators['route']!, 'ERR_HANDLER'],
    ['use', operators['use']!, 'ERR_MIDDLEWARE'],
    ['process of a queue', operators['process of a queue']!, 'ERR_HANDLER'],
  ])('receives the rejection of a dead letter, with a code and without secrets: %s', (_, operator, code) => {
    for (const terms of [{}, { deadLetter: () => undefined }]) {
      const outcomes = outcomesOf(operator, terms);
      expect(outcomes).toMatchObject([{ rejection: { kind: 'dead-lettered', code, reason: expect.any(String) } }]);
      expect(JSON.stringify(outcomes[0]!.rejection)).not.toContain('secret');
    }
  });

  it('receives no rejection of a message that was processed', () => {
    expect(outcomesOf(consume(() => undefined))).not.toMatchObject([{ rejection: expect.anything() }]);
  });
});
