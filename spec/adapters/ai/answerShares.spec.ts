import { setTimeout as pause } from 'node:timers/promises';
import type { UIMessageChunk } from 'ai';
import { concat, firstValueFrom, from, fromEvent, NEVER, Subject, takeUntil, throwError, toArray, type ObservableInput } from 'rxjs';
import { serveChat, stopChat, type ChatHandler, type ServeChatOptions } from '../../../lib/adapters/ai/index.js';
import { createMessage, hub, memoryChannelLog, request, type ChannelLog, type ReplyError, type Wire } from '../../../lib/index.js';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { eventually } from '../../support/eventually.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

const START: UIMessageChunk[] = [{ type: 'start' }];
const rejecting = (): Promise<never> => Promise.reject(new Error('no model'));
const POISON: UIMessageChunk = { type: 'data-x', data: 1n };
/** A model that thinks until it is stopped. */
const thinking: ChatHandler = ({ signal }) => concat(START, NEVER).pipe(takeUntil(fromEvent(signal, 'abort')));

function chatServer(handler: ChatHandler = thinking, options: ServeChatOptions = {}, log: ChannelLog = memoryChannelLog()) {
  const rooms = hub({ log, authorize: ({ action }) => action === 'join' });
  const over$ = new Subject<void>();
  closing.push(() => over$.next());
  let calls = 0;
  const counting: ChatHandler = (turn) => {
    calls++;
    return from(handler(turn) as ObservableInput<UIMessageChunk>).pipe(takeUntil(over$));
  };
  const chat = serveChat(rooms, counting, { flush: 1, onError: () => undefined, ...options });
  /** Opens the wire of a user, or of an anonymous client. */
  const open = (user?: string): Wire => {
    const serve = (served: Wire): void => {
      rooms.serve(served);
      chat(served);
    };
    const authenticate = ({ token }: { readonly token?: string }) => (token === undefined ? undefined : { id: token });
    const { wire, close } = testWire({ serve, ...(user !== undefined && { token: user, server: { authenticate } }) });
    closing.push(close);
    return wire;
  };
  return { rooms, open, calls: () => calls };
}

const ask = (wire: Wire, chatId: string, answerId = 'a'): Promise<unknown> =>
  firstValueFrom(request(wire, createMessage('ai.send', { chatId, answerId, trigger: 'submit-message', messages: [] })));
const askMany = async (wire: Wire, chats: readonly string[], answers?: readonly string[]): Promise<number> => {
  const asked = await Promise.allSettled(chats.map((chatId, index) => ask(wire, chatId, answers?.[index])));
  return asked.filter(({ status }) => status === 'fulfilled').length;
};
/** A stopped handler may write for a second, and has its share until then. */
async function askUntilAnswered(wire: Wire): Promise<unknown> {
  let answered: unknown;
  for (let tries = 0; tries < 200 && answered !== 'b'; tries++) {
    answered = await ask(wire, 'c', 'b').catch((error: unknown) => error);
    if (answered !== 'b') await pause(10);
  }
  return answered;
}
const names = (count: number, start: string): string[] => Array.from({ length: count }, (_, index) => `${start}${index}`);
const refused = async (asked: Promise<unknown>): Promise<string> => {
  const { remoteCode, reason } = (await asked.then(
    () => ({}),
    (error: unknown) => error,
  )) as Partial<ReplyError>;
  return `${remoteCode}: ${reason}`;
};

describe('the answers of a client', () => {
  it.each([
    ['a user, over any of his wires', 'mallory', 'alice'],
    ['an anonymous client', undefined, undefined],
  ])('are limited: %s has 20 of 1,000, and others are answered', async (_, attacker, other) => {
    const { open, calls } = chatServer();
    const [one, two] = [open(attacker), open(attacker)];
    expect(await askMany(one, names(990, 'c'))).toBe(20);
    expect(await askMany(two, names(10, 'd'))).toBe(attacker === undefined ? 10 : 0);
    const before = calls();
    await ask(open(other), 'e');
    expect(calls()).toBe(before + 1);
    expect(await refused(ask(one, 'f'))).toBe(
      'ERR_OVERFLOW: you have too many answers at the moment. Wait until one of them ends, or stop one.',
    );
  });

  it('are limited in one chat, whoever asks', async () => {
    const { open } = chatServer();
    expect(await askMany(open('a'), names(8, 'c').fill('c'), names(8, 'a'))).toBe(8);
    const wire = open('b');
    expect(await askMany(wire, names(8, 'c').fill('c'), names(8, 'b'))).toBe(2);
    expect(await refused(ask(wire, 'c', 'x'))).toMatch(/^ERR_OVERFLOW: this chat has too many answers/);
    await ask(wire, 'another');
  });

  it('have limits of the application', async () => {
    const { open } = chatServer(thinking, { maxPerPrincipal: 2, maxPerChat: 1, maxAnswers: 3 });
    const wire = open('a');
    expect(await askMany(wire, ['c', 'c', 'd', 'e'], ['1', '2', '3', '4'])).toBe(2);
    const other = open('b');
    expect(await askMany(other, ['f', 'g'])).toBe(1);
    expect(await refused(ask(other, 'g'))).toMatch(/^ERR_OVERFLOW: the server has too many answers/);
    for (const option of ['maxPerPrincipal', 'maxPerChat', 'maxAnswers'])
      expect(() => serveChat(hub(), () => [], { [option]: 0 })).toThrow(`serveChat: "${option}" must be a whole number`);
    expect(() => serveChat(hub(), () => [], { maxChunk: 1_000 })).toThrow('serveChat: "maxChunk" must be >= 131072, got 1000');
  });
});

describe('a question that is sent again', () => {
  const LOW = { maxPerPrincipal: 1, maxPerChat: 1, maxAnswers: 1 };

  it('counts once: at once, later, and at a server whose share is used up', async () => {
    const log = memoryChannelLog();
    const [here, there] = [chatServer(thinking, LOW, log), chatServer(thinking, LOW, log)];
    const wire = here.open('a');
    expect(await Promise.all([ask(wire, 'c'), ask(wire, 'c'), ask(here.open('b'), 'c')])).toEqual(['a', 'a', 'a']);
    expect(await ask(wire, 'c')).toBe('a');
    const other = there.open('a');
    await ask(other, 'd');
    expect(await ask(other, 'c')).toBe('a');
    expect([here.calls(), there.calls()]).toEqual([1, 1]);
    expect(await refused(ask(other, 'e'))).toContain('ERR_OVERFLOW');
  });

  it('does not wait for the permission of another client', async () => {
    let isStopped = false;
    const watched: ChatHandler = (turn) => {
      turn.signal.addEventListener('abort', () => (isStopped = true));
      return thinking(turn);
    };
    const { open } = chatServer(watched, {
      ...LOW,
      authorize: ({ wire, action }) =>
        action !== 'send' || (wire as unknown as { principal: { id: string } }).principal.id === 'a' || NEVER,
    });
    const wire = open('a');
    await ask(wire, 'c');
    void ask(open('b'), 'c').catch(() => undefined);
    await pause(20);
    stopChat(wire, 'c', 'a');
    await eventually(() => expect(isStopped).toBe(true));
  });
});

describe('a share is given back', () => {
  const LOW = { maxPerPrincipal: 1, maxPerChat: 1, maxAnswers: 1 };
  const failingOnce = (type: string): ChannelLog => {
    const log = memoryChannelLog();
    let failures = 1;
    return {
      ...log,
      append(name, message) {
        if (message.type === type && failures-- > 0) throw new Error('the disk is full');
        return log.append(name, message);
      },
    };
  };
  let first = true;
  beforeEach(() => (first = true));
  /** Does something at the first call only. Later calls answer. */
  const firstly =
    <A extends unknown[], R>(does: (...args: A) => R) =>
    (...args: A): R => {
      if (!first) return START as R;
      first = false;
      return does(...args);
    };

  it.each<[string, { handler?: ChatHandler; options?: ServeChatOptions; log?: ChannelLog; end?: (wire: Wire) => void }]>([
    ['an answer that is complete', { handler: () => START }],
    [
      'a handler that throws',
      {
        handler: firstly(() => {
          throw new Error('no model');
        }),
      },
    ],
    ['a handler that rejects', { handler: firstly(rejecting) }],
    [
      'an answer that fails',
      {
        handler: firstly(() =>
          concat(
            START,
            throwError(() => new Error('no model')),
          ),
        ),
      },
    ],
    ['a chunk that cannot be sent', { handler: firstly(() => concat([POISON], NEVER)) }],
    ['a stop', { end: (wire) => stopChat(wire, 'c') }],
    ['a stop before the question', { end: (wire) => stopChat(wire, 'c', 'a') }],
    ['a client that may not ask', { options: { authorize: firstly(() => false) as never } }],
    [
      'an authorize that throws',
      {
        options: {
          authorize: firstly(() => {
            throw new Error('no database');
          }) as never,
        },
      },
    ],
    ['an authorize that rejects', { options: { authorize: firstly(() => Promise.reject(new Error('no database'))) as never } }],
    ['a log that fails at the start', { log: failingOnce('ai.started'), handler: () => START }],
    ['a log that fails at a chunk', { log: failingOnce('ai.chunks'), handler: firstly(thinking) }],
    ['a log that fails at the end', { log: failingOnce('channel.ended'), handler: () => START }],
  ])('by %s', async (_, { handler, options, log, end }) => {
    const { open } = chatServer(handler ?? firstly(thinking), { ...LOW, ...options }, log);
    const wire = open('a');
    const asked = ask(wire, 'c').catch(() => undefined);
    end?.(wire);
    await asked;
    expect(await askUntilAnswered(wire)).toBe('b');
  });

  it('by an end from elsewhere', async () => {
    const { open, rooms } = chatServer(thinking, LOW);
    const wire = open('a');
    await ask(wire, 'c');
    await rooms.interrupt('ai/');
    expect(await askUntilAnswered(wire)).toBe('b');
  });

  it('and the chats that were refused leave no channel', async () => {
    const { open, rooms } = chatServer(thinking, LOW);
    await askMany(open('a'), names(50, 'c'));
    expect((await firstValueFrom(rooms.list('ai/').pipe(toArray()))).length).toBe(1);
  });
});
