import { config, throwError, type Observable } from 'rxjs';
import { ConnectionLostError, StoreError, type RxwireError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import type { Principal } from '../../lib/server/principal.js';
import type { ServeOptions } from '../../lib/server/serve.js';
import { consume } from '../../lib/operators/consume/consume.js';
import type { Inbox } from '../../lib/stores/inbox.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';
import { eventually } from '../support/eventually.js';
import { fakeInbox, type Write } from '../support/fakeInbox.js';
import { scriptedOutbox } from '../support/scriptedOutbox.js';
import { pair, type ClientOptions } from '../support/sessionPair.js';

const message = (id: string): Message => createMessage('test.any', null, { id, timestamp: 0 });
const full = new StoreError('lmdb', 'quota');

const uncaught: unknown[] = [];
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  config.onUnhandledError = (error) => uncaught.push(error);
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  config.onUnhandledError = null;
  for (const error of uncaught.splice(0)) expect(error).toMatchObject({ code: 'ERR_CALLBACK' });
});

/** Fails until it is healed, in one of the ways of a store. */
const ways: Readonly<Record<string, () => Observable<never> | never>> = {
  'delivers a StoreError': () => throwError(() => full),
  'delivers another error': () => throwError(() => Object.assign(new Error('i/o error'), { code: 'EIO' })),
  'throws a StoreError': () => {
    throw full;
  },
  'throws another error': () => {
    throw new Error('not a database');
  },
};

interface Setup {
  readonly server: ServeOptions<Principal | undefined>;
  readonly client?: ClientOptions;
  readonly handler?: (message: Message) => void;
  readonly effect?: (write: Write, message: Message) => void;
}

/** A server that consumes messages, with effects; and a client. */
function consuming({ server, client = {}, handler = () => undefined, effect = (write, { id }) => write(id) }: Setup) {
  const letters = memoryDeadLetters();
  const errors: RxwireError[] = [];
  const codes: (number | undefined)[] = [];
  const both = pair({
    server: { deadLetters: letters, onRefused: (error) => errors.push(error), ...server },
    client: { reconnect: { initialInterval: 2, maxInterval: 1_000, jitter: 0 }, ...client },
    onServerWire(wire) {
      wire.errors$.subscribe((error) => errors.push(error));
      wire
        .pipe(consume(handler, { retry: { initialInterval: 1, maxRetries: 3 }, ...(server.inbox && { effect: effect as never }) }))
        .subscribe();
    },
  });
  both.wire.errors$.subscribe((error) => error instanceof ConnectionLostError && codes.push(error.closeCode));
  both.wire.subscribe({ error: () => undefined });
  cleanups.push(both.close);
  const buried = (): readonly string[] => {
    const ids: string[] = [];
    letters.list().subscribe(({ message: { id } }) => ids.push(id));
    return ids;
  };
  return { ...both, errors, codes, buried };
}

describe.each(Object.entries(ways))('an inbox that %s', (_, fails) => {
  it.each(['commit', 'remember'] as const)('ends the session with 1011 at %s, buries nothing, and costs no retry', async (method) => {
    const inbox = fakeInbox();
    let isBroken = true;
    const broken: Inbox<Write> = {
      ...inbox,
      [method]: (...args: never) => (isBroken ? fails() : (inbox[method] as (...args: never) => never)(...args)),
    };
    const handled: string[] = [];
    const { wire, codes, errors, buried } = consuming({ server: { inbox: broken }, handler: ({ id }) => void handled.push(id) });
    const ends = ['a', 'b', 'c'].map((id) => wire.send(message(id)));
    await eventually(() => expect(codes.length).toBeGreaterThan(3));
    const { length: failed } = codes;
    isBroken = false;
    expect(await Promise.all(ends)).toMatchObject([{ outcome: 'processed' }, { outcome: 'processed' }, { outcome: 'processed' }]);
    expect(inbox.written).toEqual(['a', 'b', 'c']);
    expect([...buried(), ...inbox.letters]).toEqual([]);
    expect(new Set(codes)).toEqual(new Set([1011]));
    expect(errors.map(({ code }) => code)).toContain('ERR_STORE');
    // Once for each session, in which the handler of the first message ran, and once for the last one.
    if (method === 'commit') expect(handled.filter((id) => id === 'a').length).toBeLessThanOrEqual(failed + 2);
    else expect(handled).toEqual(['a', 'b', 'c']);
  });
});

describe('an effect that fails in an inbox that works', () => {
  it('is a failure of its handler: it is retried, and becomes a dead letter alone', async () => {
    const inbox = fakeInbox();
    let calls = 0;
    const { wire, codes } = consuming({
      server: { inbox },
      effect(write, { id }) {
        if (id !== 'bad') {
          write(id);
          return;
        }
        calls++;
        throw new Error('boom');
      },
    });
    const ends = ['a', 'bad', 'c'].map((id) => wire.send(message(id)));
    expect((await Promise.all(ends)).map(({ outcome }) => outcome)).toEqual(['processed', 'dead-lettered', 'processed']);
    expect([calls, inbox.written, codes]).toEqual([4, ['a', 'c'], []]);
  });
});

it('ends the session with 1011 when the dead letter cannot be stored, and receives the message again', async () => {
  const letters = memoryDeadLetters();
  let isBroken = true;
  let calls = 0;
  const deadLetters: typeof letters = { ...letters, add: (letter) => (isBroken ? throwError(() => full) : letters.add(letter)) };
  const { wire, codes } = consuming({
    server: { deadLetters },
    handler() {
      calls++;
      throw new Error('boom');
    },
  });
  const end = wire.send(message('bad'));
  await eventually(() => expect(codes.length).toBeGreaterThan(1));
  isBroken = false;
  expect(await end).toMatchObject({ outcome: 'dead-lettered' });
  expect(codes.every((code) => code === 1011)).toBe(true);
  expect(calls % 4).toBe(0);
});

it('ends the session with 1011 when the outbox of the server cannot be written', async () => {
  let isBroken = true;
  const outbox = scriptedOutbox({ append: () => (isBroken ? throwError(() => new StoreError('lmdb', 'failed')) : undefined) });
  const { wire, codes, serverWire } = consuming({ server: { outbox: () => outbox } });
  await wire.send(message('a'));
  const there = await serverWire();
  there.next(message('answer'));
  await eventually(() => expect(codes).toEqual([1011]));
  isBroken = false;
  await wire.send(message('b'));
});

describe('the delay of reconnecting', () => {
  const attempts: number[] = [];
  const reconnect = {
    initialInterval: 1,
    maxInterval: 8,
    jitter: 0,
    onRetry: ({ attempt }: { readonly attempt: number }) => attempts.push(attempt),
  };
  beforeEach(() => attempts.splice(0));

  it('grows while the server welcomes the client, and its store fails', async () => {
    const inbox = fakeInbox();
    const { wire } = consuming({ server: { inbox: { ...inbox, commit: () => throwError(() => full) } }, client: { reconnect } });
    wire.next(message('a'));
    await eventually(() => expect(attempts.length).toBeGreaterThan(4));
    expect(attempts.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
  });

  it('grows, too, while a server whose store fails sends something to the client', async () => {
    const inbox = fakeInbox();
    const both = pair({
      server: { inbox: { ...inbox, commit: () => throwError(() => full) } },
      client: { reconnect },
      onServerWire(wire) {
        wire.next(createMessage('channel.reset', null));
        wire.subscribe();
      },
    });
    both.wire.subscribe();
    cleanups.push(both.close);
    both.wire.next(message('a'));
    await eventually(() => expect(attempts.length).toBeGreaterThan(4));
    expect(attempts.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
  });

  it('begins anew after an ack', async () => {
    const { wire, cut } = consuming({ server: {}, client: { reconnect } });
    for (const id of ['a', 'b', 'c']) {
      await wire.send(message(id));
      cut();
    }
    await wire.send(message('d'));
    expect(attempts).toEqual([1, 1, 1]);
  });

  it('begins anew after a message of the server', async () => {
    const { wire, cut, serverWire } = consuming({ server: {}, client: { reconnect } });
    const seen: string[] = [];
    wire.subscribe(({ id }) => seen.push(id));
    const there = await serverWire();
    for (const id of ['a', 'b', 'c']) {
      there.next(message(id));
      await eventually(() => expect(seen).toContain(id));
      cut();
    }
    await eventually(() => expect(attempts).toEqual([1, 1, 1]));
  });

  it('does not begin anew for a welcome alone', async () => {
    const { wire, cut } = consuming({ server: {}, client: { reconnect } });
    for (let round = 1; round <= 2; round++) {
      await eventually(() => expect(wire.state.status).toBe('connected'));
      cut();
      await eventually(() => expect(attempts).toHaveLength(round));
    }
    // Behind the third welcome, the wire pings: the answer is progress.
    expect(attempts).toEqual([1, 2]);
  });
});
