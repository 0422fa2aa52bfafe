import { Chat } from '@ai-sdk/react';
import type { UIMessage, UIMessageChunk } from 'ai';
import { setTimeout as delay } from 'node:timers/promises';
import { chatTransport, serveChat, stopChat, type ChatHandler, type ServeChatOptions } from '../../../lib/adapters/ai/index.js';
import {
  createMessage,
  hub,
  InvalidMessageError,
  json,
  memoryChannelLog,
  msgpack,
  type ChannelLog,
  type Codec,
  type RxwireError,
  type Wire,
} from '../../../lib/index.js';
import { testWire, type TestWireOptions } from '../../../lib/adapters/testing/index.js';
import { concat, config, firstValueFrom, from, fromEvent, NEVER, takeUntil, throwError, toArray, type ObservableInput } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { textOf } from './chatModel.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** A server of chats, what it reports, and what its hub reports. */
function chatServer(handler: ChatHandler, options: ServeChatOptions = {}, log: ChannelLog = memoryChannelLog()) {
  const errors: unknown[] = [];
  const hubErrors: RxwireError[] = [];
  const rooms = hub({ log, authorize: ({ action }) => action === 'join' });
  rooms.errors$.subscribe((error) => hubErrors.push(error));
  const over = new AbortController();
  closing.push(() => over.abort());
  const ending: ChatHandler = (turn) =>
    from(handler(turn) as ObservableInput<UIMessageChunk>).pipe(takeUntil(fromEvent(over.signal, 'abort')));
  const chat = serveChat(rooms, ending, { onError: (error) => errors.push(error), ...options });
  const serve = (served: Wire): void => {
    rooms.serve(served);
    chat(served);
  };
  const open = (own: TestWireOptions = {}): Wire => {
    const { wire, close } = testWire({ serve, ...own });
    closing.push(close);
    return wire;
  };
  return { errors, hubErrors, rooms, serve, open };
}

/** A wire that names the codecs of its server. */
const naming = (wire: Wire): Wire => Object.assign(wire, { sendingLimits: { codecs: [msgpack()], maxFrame: 1_048_576 } });
const page = (wire: Wire, id = 'c', options = {}): Chat<UIMessage> => new Chat<UIMessage>({ id, transport: chatTransport(wire, options) });
const within = (work: Promise<unknown>, ms = 5_000): Promise<unknown> => Promise.race([work, delay(ms, undefined, { ref: false })]);

/** An answer that says a chunk between two others. */
const saying = (chunk: unknown): UIMessageChunk[] => [
  { type: 'start' },
  { type: 'text-start', id: '1' },
  { type: 'text-delta', id: '1', delta: 'so far' },
  chunk as UIMessageChunk,
  { type: 'text-delta', id: '1', delta: ' and on' },
  { type: 'text-end', id: '1' },
  { type: 'finish' },
];

class Decimal {
  constructor(readonly digits: string) {}
  toJSON(): string {
    return this.digits;
  }
}

const nested = (levels: number): unknown => (levels === 0 ? 'deep' : { in: nested(levels - 1) });
const output = (value: unknown): object => ({ type: 'data-result', data: value });
/** The URL of an image of 2 MB. */
const IMAGE = `data:image/png;base64,${'iVBORw0K'.repeat(349_526)}`;
const MANY_CODECS: Codec[] = [msgpack(), json()];

describe('a chunk of an answer that is large', () => {
  it.each<[string, Codec]>([
    ['json', json()],
    ['msgpack', msgpack()],
  ])('arrives whole over %s, also for a page that is loaded later', async (_, codec) => {
    const { open, errors, hubErrors } = chatServer(() => saying({ type: 'file', mediaType: 'image/png', url: IMAGE }));
    const asking = page(open({ codec }));
    await within(asking.sendMessage({ text: 'draw' }));
    const later = new Chat<UIMessage>({ id: 'c', transport: chatTransport(open({ codec }), { hasMessage: () => false }) });
    await within(later.resumeStream());
    for (const chat of [asking, later]) {
      const file = chat.lastMessage?.parts.find((part) => part.type === 'file');
      expect([chat.status, chat.error, file?.url === IMAGE, textOf(chat.lastMessage)]).toEqual(['ready', undefined, true, 'so far and on']);
    }
    expect([errors, hubErrors]).toEqual([[], []]);
  });

  it('arrives whole in any of its values: a list, a tool, a text, characters that codecs expand', async () => {
    const values = [
      Array.from({ length: 100_000 }, (_, index) => index / 3),
      { html: '\u0000"\\\u{1f600}'.repeat(100_000), at: '2026-12-02' },
      JSON.parse(`{"__proto__":1,"list":[${'"x",'.repeat(30_000)}null]}`) as object,
    ];
    const { open, errors } = chatServer(() => [
      { type: 'start' },
      ...values.map((value) => output(value) as UIMessageChunk),
      { type: 'finish' },
    ]);
    const chat = page(open({ codec: msgpack() }));
    await within(chat.sendMessage({ text: 'all' }));
    const parts = (chat.lastMessage?.parts ?? []) as { readonly data: unknown }[];
    expect([chat.status, errors, parts.length]).toEqual(['ready', [], 3]);
    expect(parts.map(({ data }, index) => JSON.stringify(data) === JSON.stringify(values[index]))).toEqual([true, true, false]);
    // As in every payload.
    expect(Object.keys(parts[2]?.data as object)).toEqual(['list']);
  });

  it.each([
    ['the text of a model', { type: 'text-delta', id: '1', delta: 'x'.repeat(200_000) }, 'text-delta', '.delta'],
    ['the output of a tool', output({ rows: [1, { content: 'x'.repeat(200_000) }] }), 'data-result', '.data.rows[1].content'],
    ['a list', output({ rows: Array.from({ length: 100_000 }, () => 1) }), 'data-result', '.data.rows'],
  ])('and above the limit ends the answer with an error that names it: %s', async (_, chunk, type, path) => {
    const { open, errors, hubErrors } = chatServer(() => concat(saying(chunk), NEVER), { maxChunk: 150_000 });
    const chat = page(open());
    await within(chat.sendMessage({ text: 'all' }));
    expect([chat.status, textOf(chat.lastMessage)]).toEqual(['error', 'so far']);
    const text = expect.stringMatching(
      RegExp(`the chunk "${type}" of the answer has 20\\d{4} bytes, most of them in ${path.replace(/[.[\]]/g, '\\$&')}\\.`),
    ) as string;
    expect([chat.error?.message, errors.map((error) => (error as Error).message)]).toEqual([text, [text]]);
    expect(hubErrors).toEqual([]);
  });

  it('ends the answer at a page that has a lower limit, and at no other', async () => {
    const { open } = chatServer(() => saying(output('x'.repeat(100_000))));
    const [low, other] = [page(open(), 'c', { maxChunk: 50_000 }), page(open(), 'd')];
    await within(Promise.all([low.sendMessage({ text: 'all' }), other.sendMessage({ text: 'all' })]));
    expect([low.error?.message, other.status]).toEqual(['a part of the answer has more than 50000 characters ("maxChunk")', 'ready']);
  });
});

describe('a chunk of an answer that cannot be sent', () => {
  it.each<[string, unknown, Codec | Codec[], string]>([
    ['a BigInt', output({ total: 12n }), json(), '.data.total: bigint'],
    ['a BigInt that only one codec carries', output({ total: 12n }), MANY_CODECS, '.data.total: bigint'],
    ['an object with toJSON', output([{ price: new Decimal('1.10') }]), json(), '.data[0].price: Object'],
    ['an object with toJSON, with msgpack alone', output([{ price: new Decimal('1.10') }]), msgpack(), '.data[0].price: Object'],
    ['an object that has its own toJSON', output({ toJSON: () => 1 }), json(), '.data.toJSON: function'],
    ['a function', output(() => 1), msgpack(), '.data: function'],
    ['a BigInt of more than 64 bits', output(2n ** 70n), msgpack(), '.data: bigint'],
    ['bytes', output(new Uint8Array(3)), json(), '.data: Uint8Array'],
    ['many bytes', output(new Uint8Array(100_000)), msgpack(), '.data: Uint8Array'],
    ['too many levels', output(nested(40)), json(), 'more than 31 levels'],
  ])('ends the answer with an error at both ends: %s', async (_, chunk, codec, path) => {
    const { open, errors, hubErrors, rooms } = chatServer(() => concat(saying(chunk), NEVER));
    const wire = open({ codec });
    const failures: unknown[] = [];
    wire.errors$.subscribe((error) => failures.push(error));
    const chat = page(wire);
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, textOf(chat.lastMessage)]).toEqual(['error', 'so far']);
    expect(chat.error?.message).toMatch(/^The answer has failed: the chunk "data-result" of the answer cannot be sent: /);
    expect(chat.error?.message).toContain(path);
    expect(errors).toEqual([expect.any(InvalidMessageError)]);
    expect((errors[0] as Error).message).toContain(path);
    expect([hubErrors.length <= 1, failures]).toEqual([true, []]);
    const [info] = await firstValueFrom(rooms.list('ai/').pipe(toArray()));
    expect(info?.hasEnded).toBe(true);
  });

  // The AI SDK serializes the output of a tool itself, behind the chunk.
  it('is the reason of the end, also if the handler fails behind it', async () => {
    const { open, errors } = chatServer(() =>
      concat(
        saying(output({ total: 12n })),
        throwError(() => new TypeError('BigInt')),
      ),
    );
    const chat = page(open({ codec: json() }));
    await within(chat.sendMessage({ text: 'count' }));
    expect(chat.error?.message).toContain('cannot be sent: .data.total: bigint');
    expect(errors).toEqual([expect.any(InvalidMessageError)]);
  });

  it('is not mistaken for a part of one', async () => {
    const { open } = chatServer(() => saying({ type: 'data-x', data: 1, part: 'text' }));
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, textOf(chat.lastMessage)]).toEqual(['ready', 'so far and on']);
  });

  it('is no chunk at all', async () => {
    for (const chunk of ['text', null, { delta: 'x' }]) {
      const { open, errors } = chatServer(() => saying(chunk));
      const chat = page(open());
      await within(chat.sendMessage({ text: 'count' }));
      expect([chat.status, errors.length]).toEqual(['error', 1]);
    }
  });

  it('stops the model, and the other chats of the page go on', async () => {
    let signal: AbortSignal | undefined;
    const { open } = chatServer((turn) => {
      if (turn.chatId === 'good') return saying({ type: 'data-x', data: 1 });
      ({ signal } = turn);
      return concat(saying(output(1n)), NEVER);
    });
    const wire = open();
    const [bad, good] = [page(wire, 'bad'), page(wire, 'good')];
    await within(bad.sendMessage({ text: 'count' }));
    await within(good.sendMessage({ text: 'count' }));
    expect([signal?.aborted, bad.status, good.status, textOf(good.lastMessage)]).toEqual([true, 'error', 'ready', 'so far and on']);
  });

  it('has a text of the application for its readers, if "describe" returns one, cut between two characters', async () => {
    const describe = (error: unknown): string => `${(error as RxwireError).code}\u0000${'!'.repeat(235)}\u{1f600}${'!'.repeat(300)}`;
    const { open } = chatServer(() => saying(output(1n)), { describe });
    const chat = page(open({ codec: MANY_CODECS }));
    await within(chat.sendMessage({ text: 'count' }));
    expect(chat.error?.message).toBe(`ERR_INVALID_MESSAGE ${'!'.repeat(235)}`);
  });
});

describe('a chunk that only some codecs carry', () => {
  it('arrives, if all pages read it: bytes, a BigInt, a Map, NaN', async () => {
    const value = { part: 'x', bytes: new Uint8Array([1, 2]), big: 2n ** 60n, map: new Map([[1, 2]]), nan: NaN };
    const { open, errors, serve } = chatServer(() => saying(output(value)));
    const chat = page(open({ codec: msgpack(), serve: (wire) => serve(naming(wire)) }));
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, errors]).toEqual(['ready', []]);
    expect(chat.lastMessage?.parts).toContainEqual(expect.objectContaining({ data: value }));
  });

  it.each(MANY_CODECS)('arrives in halves: an emoji that the model has cut: %#', async (codec) => {
    const { open, errors } = chatServer(
      async function* () {
        yield { type: 'start' };
        yield { type: 'text-start', id: '1' };
        yield { type: 'text-delta', id: '1', delta: 'a \ud83d' };
        await delay(50);
        yield { type: 'text-delta', id: '1', delta: '\ude00 b' };
        yield { type: 'text-end', id: '1' };
        yield { type: 'finish' };
      },
      { flush: 5 },
    );
    const chat = page(open({ codec }));
    await within(chat.sendMessage({ text: 'smile' }));
    expect([chat.status, textOf(chat.lastMessage), errors]).toEqual(['ready', 'a \u{1f600} b', []]);
  });
});

describe('a client that is broken or hostile', () => {
  it.each<[string, unknown, string]>([
    ['a text of 2 MB', 'x'.repeat(2_000_000), 'ERR_FRAME_TOO_LARGE'],
    ['a BigInt', 1n, 'ERR_ENCODE'],
    ['too many levels', nested(40), 'ERR_ENCODE'],
  ])('receives an error for a question that cannot be sent, and may ask again: %s', async (_, data, code) => {
    const { open, errors } = chatServer(() => saying(output(1)));
    const wire = open();
    const chat = page(wire);
    await within(chat.sendMessage({ parts: [{ type: 'data-x', data }] }));
    expect(chat.error).toMatchObject({ code });
    chat.messages = [];
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, errors]).toEqual(['ready', []]);
  });

  it('waits while it sends many stops', async () => {
    let [running, most] = [0, 0];
    const { open } = chatServer(() => NEVER, {
      async authorize() {
        most = Math.max(most, ++running);
        await delay(5);
        running--;
        return true;
      },
    });
    const wire = open();
    for (let stops = 0; stops < 200; stops++) stopChat(wire, 'c', `a${stops}`);
    await eventually(() => expect([wire.queued, most > 0, running]).toEqual([0, true, 0]));
    expect(most).toBeLessThanOrEqual(16);
  });
});

describe('a server that is broken or hostile', () => {
  /** A hub whose channel has what a server should not write. */
  const serveChunks = (payloads: readonly unknown[]) => {
    const { rooms, open } = chatServer(() => NEVER);
    const write = async (): Promise<void> => {
      const room = rooms.channel('ai/c/answer');
      await room.send(createMessage('ai.started', { mark: 'm' }, { source: '@rxwire/ai' }));
      for (const payload of payloads) await room.send(createMessage('ai.chunks', payload, { source: '@rxwire/ai' }));
    };
    return { open, write };
  };

  it.each<[string, unknown[], string]>([
    ['no list', [{ type: 'start' }], 'a part of the answer is invalid'],
    ['null', [null], 'a part of the answer is invalid'],
    ['a list of no chunks', [[null, 1, 'x']], 'a part of the answer is invalid'],
    ['parts without an end', [Array.from({ length: 100 }, () => ({ part: 'x'.repeat(1_000) }))], 'more than 50000 characters'],
    ['a part that is no JSON', [[{ part: '{"type":', isLast: true }]], 'JSON'],
    ['a part that is no chunk', [[{ part: '[1]', isLast: true }]], 'a part of the answer is invalid'],
    [
      'a part of many levels',
      [[{ part: `{"type":"data-x","data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, isLast: true }]],
      'a part of the answer is invalid',
    ],
  ])('ends the answer at the page with an error, and nothing else: %s', async (_, payloads, text) => {
    const { open, write } = serveChunks([[{ type: 'start', messageId: 'm' }], ...payloads]);
    await write();
    const wire = open();
    const chat = page(wire, 'c', { maxChunk: 50_000 });
    await within(chat.resumeStream());
    expect([chat.status, chat.error?.message]).toEqual(['error', expect.stringContaining(text)]);
    expect(wire.state.status).toBe('connected');
  });
});

describe('a log that fails', () => {
  const failingLog = (fails: (type: string) => boolean): ChannelLog => {
    const log = memoryChannelLog();
    return {
      ...log,
      append(name, message) {
        if (fails(message.type)) throw new Error('the disk is full');
        return log.append(name, message);
      },
    };
  };
  const shown = (chat: Chat<UIMessage>) => [chat.status, chat.error?.message, textOf(chat.lastMessage)];

  it('once, at the end of an answer, loses nothing', async () => {
    let failures = 1;
    const { open, errors } = chatServer(
      () => saying(output(1)),
      {},
      failingLog((type) => type === 'channel.ended' && failures-- > 0),
    );
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    expect([...shown(chat), errors.length]).toEqual(['ready', undefined, 'so far and on', 1]);
  });

  it('once, for a chunk, ends the answer with an error, which is reported once', async () => {
    let failures = 1;
    const { open, errors } = chatServer(
      () => concat(saying(output(1)), NEVER),
      {},
      failingLog((type) => type === 'ai.chunks' && failures-- > 0),
    );
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, chat.error?.message, errors.length]).toEqual(['error', 'The answer has failed.', 1]);
  });

  it('once, among many chunks, leaves no hole: nothing follows', async () => {
    let chunks = 0;
    const { open, errors } = chatServer(
      () => saying(output('x'.repeat(200_000))),
      {},
      failingLog((type) => type === 'ai.chunks' && ++chunks === 3),
    );
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, textOf(chat.lastMessage), errors.length, chunks]).toEqual(['error', 'so far', 1, 3]);
  });

  it('for good, stops the model, is reported once, and ends nothing else', async () => {
    let isBroken = false;
    let signal: AbortSignal | undefined;
    const { open, errors, hubErrors } = chatServer(
      async function* (turn) {
        ({ signal } = turn);
        yield { type: 'start' };
        await delay(60);
        isBroken = true;
        yield { type: 'text-start', id: '1' };
        await new Promise(() => undefined);
      },
      {},
      failingLog(() => isBroken),
    );
    const wire = open();
    void page(wire).sendMessage({ text: 'count' });
    await eventually(() => expect(signal?.aborted).toBe(true));
    await delay(300);
    expect([errors.length, hubErrors.length, wire.state.status]).toEqual([1, 2, 'connected']);
  });

  it('when a question begins, is an error of the page, which may ask again', async () => {
    let failures = 1;
    const { open } = chatServer(
      () => saying(output(1)),
      { maxAnswers: 1, maxPerChat: 1, maxPerPrincipal: 1 },
      failingLog((type) => type === 'ai.started' && failures-- > 0),
    );
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    expect(chat.status).toBe('error');
    await within(chat.regenerate());
    expect(shown(chat)).toEqual(['ready', undefined, 'so far and on']);
  });

  it('when an answer is stopped, is tried again', async () => {
    let failures = 2;
    const { open, errors } = chatServer(
      () => concat([{ type: 'start' }, { type: 'text-start', id: '1' }] as UIMessageChunk[], NEVER),
      {},
      failingLog((type) => type === 'ai.stop' && failures-- > 0),
    );
    const chat = page(open());
    const done = chat.sendMessage({ text: 'count' });
    await eventually(() => expect(chat.status).toBe('streaming'));
    await chat.stop();
    await within(done);
    await eventually(() => expect(failures).toBe(-1));
    expect([chat.status, errors]).toEqual(['ready', []]);
  });
});

describe('a callback of the application that fails', () => {
  const failing = (name: string) => (): never => {
    throw new Error(`${name} fails`);
  };

  it.each<[string, ServeChatOptions]>([
    ['describe', { describe: failing('describe') }],
    ['an asynchronous describe', { describe: (() => Promise.reject(new Error('describe fails'))) as never }],
    ['a describe without a text', { describe: () => 1 as never }],
  ])('%s: readers receive the default text', async (_, options) => {
    const { open } = chatServer(() => {
      throw new Error('no model');
    }, options);
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    expect([chat.status, chat.error?.message]).toEqual(['error', 'The answer has failed.']);
  });

  it('onError: the error is a warning of the process, and the answer ends with its error', async () => {
    const uncaught: unknown[] = [];
    config.onUnhandledError = (error) => uncaught.push(error);
    const { open } = chatServer(() => saying(output(1n)), { onError: failing('onError') });
    const chat = page(open());
    await within(chat.sendMessage({ text: 'count' }));
    config.onUnhandledError = null;
    expect([chat.status, uncaught]).toEqual(['error', [expect.objectContaining({ code: 'ERR_CALLBACK', callback: 'onError' })]]);
  });

  it('authorize, for a stop: it is called again, and then reported once', async () => {
    let calls = 0;
    const { open, errors } = chatServer(() => NEVER, {
      authorize: ({ action }) => {
        if (action !== 'stop') return true;
        calls++;
        throw new Error('no database');
      },
    });
    const wire = open();
    wire.failures$.subscribe();
    stopChat(wire, 'c');
    await eventually(() => expect(errors).toEqual([new Error('no database')]));
    expect([calls, wire.state.status]).toEqual([4, 'connected']);
  });

  it('authorize: the page receives an error, and the wire goes on', async () => {
    let fails = true;
    const { open } = chatServer(() => saying(output(1)), {
      authorize: () => {
        if (fails) throw new Error('no database');
        return true;
      },
    });
    const wire = open();
    const failures: unknown[] = [];
    wire.errors$.subscribe((error) => failures.push(error));
    const chat = page(wire);
    await within(chat.sendMessage({ text: 'count' }));
    expect(chat.error).toMatchObject({ remoteCode: 'ERR_INTERNAL' });
    fails = false;
    await within(chat.regenerate());
    expect([chat.status, failures]).toEqual(['ready', []]);
  });
});
