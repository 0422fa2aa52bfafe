import { Chat } from '@ai-sdk/react';
import type { UIMessage, UIMessageChunk } from 'ai';
import { setTimeout as delay } from 'node:timers/promises';
import { chatTransport, serveChat, stopChat, type ChatHandler, type ServeChatOptions } from '../../../lib/adapters/ai/index.js';
import { channel, createMessage, hub, json, memoryChannelLog, msgpack, request, type HubOptions, type Wire } from '../../../lib/index.js';
import { testWire, type TestWire, type TestWireOptions } from '../../../lib/adapters/testing/index.js';
import { firstValueFrom, lastValueFrom, NEVER, toArray } from 'rxjs';
import { CountingModel, textOf } from './chatModel.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** A server of chats, which may be started again without its history. */
function chatServer(handler: ChatHandler, options: ServeChatOptions = {}, hubOptions: HubOptions = {}) {
  const errors: unknown[] = [];
  const create = () => {
    const rooms = hub({ authorize: ({ action }) => action === 'join', ...hubOptions });
    return { rooms, chat: serveChat(rooms, handler, { onError: (error) => errors.push(error), ...options }) };
  };
  let current = create();
  const serve = (wire: Wire): void => {
    current.rooms.serve(wire);
    current.chat(wire);
  };
  return {
    ...{ errors, rooms: current.rooms },
    open(own: TestWireOptions = {}): TestWire {
      const network = testWire({ serve, ...own });
      closing.push(network.close);
      return network;
    },
    restart: () => void (current = create()),
  };
}

const page = (wire: Wire, id: string): Chat<UIMessage> => new Chat<UIMessage>({ id, transport: chatTransport(wire) });
const isSaying = (chat: Chat<UIMessage>): boolean => textOf(chat.lastMessage).length > 40;
/** Waits, but not for ever. */
const within = (ms: number, work: Promise<unknown>): Promise<unknown> => Promise.race([work, delay(ms)]);

async function until(check: () => unknown, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`it must become true: ${String(check)}`);
    await delay(2);
  }
}

/** The chunks of a stream, which must end. */
async function chunksOf(stream: ReadableStream<UIMessageChunk> | null): Promise<readonly UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return chunks;
}
const ask = (wire: Wire): Promise<ReadableStream<UIMessageChunk>> =>
  chatTransport(wire).sendMessages({ chatId: 'c', trigger: 'submit-message', messageId: undefined, messages: [], abortSignal: undefined });
const question = (chatId: string, answerId: string) =>
  createMessage('ai.send', { chatId, answerId, trigger: 'submit-message', messages: [] });

describe('a chat of the AI SDK', () => {
  it('is read twice over one wire, each time whole', async () => {
    const model = new CountingModel(60, 3);
    const { wire } = chatServer(model.answer).open();
    const [one, other] = [page(wire, 'c'), page(wire, 'c')];
    const done = one.sendMessage({ text: 'count' });
    await until(() => isSaying(one));
    await other.resumeStream();
    await done;
    expect([one.error, other.error, textOf(one.lastMessage), textOf(other.lastMessage)]).toEqual([
      undefined,
      undefined,
      model.text,
      model.text,
    ]);
  });

  it('ends with an error when the server has lost its history', async () => {
    const server = chatServer(new CountingModel(1_000).answer);
    const { wire, crashServer } = server.open();
    const chat = page(wire, 'c');
    const done = chat.sendMessage({ text: 'count' });
    await until(() => isSaying(chat));
    server.restart();
    crashServer();
    await within(3_000, done);
    expect([chat.status, chat.error?.message]).toEqual(['error', 'a part of the answer is lost']);
  });

  it('ends with an error when the wire ends before the answer does', async () => {
    const { wire } = chatServer(new CountingModel(1_000).answer).open();
    const chat = page(wire, 'c');
    const done = chat.sendMessage({ text: 'count' });
    await until(() => isSaying(chat));
    wire.unsubscribe();
    await within(1_000, done);
    expect([chat.status, chat.error?.message]).toEqual(['error', 'the connection was closed']);
  });

  it('has no words of a client among those of the model, also when they are compacted', async () => {
    let say = (): void => undefined;
    const said = new Promise<void>((resolve) => (say = resolve));
    const { open } = chatServer(
      async function* () {
        yield { type: 'start' };
        await said;
        yield { type: 'finish' };
      },
      {},
      { authorize: () => true },
    );
    const { wire } = open();
    await firstValueFrom(request(wire, question('c', 'a1')));
    const room = channel(wire, 'ai/c/a1', { from: 'start' });
    await room.send(createMessage('ai.chunks', [{ type: 'text-delta', id: '1', delta: 'false' }]));
    const reading = lastValueFrom(room.pipe(toArray()));
    say();
    await reading;
    const messages = await lastValueFrom(channel(open().wire, 'ai/c/a1', { from: 'start' }).pipe(toArray()));
    expect(messages.filter(({ source }) => source === 'rxwire/ai').flatMap(({ payload }) => payload)).not.toContainEqual(
      expect.objectContaining({ delta: 'false' }),
    );
    expect(messages.map(({ type }) => type)).toContain('ai.chunks');
  });

  it.each([json(), msgpack()])('is stopped by its chat alone: %#', async (codec) => {
    const model = new CountingModel(1_000);
    const { wire } = chatServer(model.answer).open({ codec });
    const chat = page(wire, 'c');
    const done = chat.sendMessage({ text: 'count' });
    await until(() => isSaying(chat));
    stopChat(wire, 'c');
    await within(3_000, done);
    expect([chat.status, model.stops]).toEqual(['ready', 1]);
  });

  it('is limited in number, also when many questions arrive at once', async () => {
    let calls = 0;
    const silent: ChatHandler = () => {
      calls++;
      return NEVER;
    };
    const { wire } = chatServer(silent, { maxAnswers: 1 }).open();
    const asked = await Promise.allSettled([1, 2, 3].map((index) => firstValueFrom(request(wire, question(`c${index}`, 'a')))));
    expect([calls, asked.map(({ status }) => status)]).toEqual([1, ['fulfilled', 'rejected', 'rejected']]);
  });

  it('is stopped without a connection: before the server has the question, and while it answers', async () => {
    const model = new CountingModel(1_000);
    const { wire, cut, restore } = chatServer(model.answer).open();
    const chat = page(wire, 'c');
    cut();
    void chat.sendMessage({ text: 'count' });
    await delay(20);
    void chat.stop();
    await delay(20);
    expect(chat.status).toBe('ready');
    restore();
    await delay(1_500);
    expect(await chatTransport(wire).reconnectToStream({ chatId: 'c' })).toBeNull();
    const done = chat.sendMessage({ text: 'count' });
    await until(() => isSaying(chat));
    cut();
    void chat.stop();
    await within(4_000, done);
    expect(chat.status).toBe('ready');
  }, 15_000);

  it('is stopped when the stop arrives while the question waits for its permission', async () => {
    const authorize: ServeChatOptions['authorize'] = ({ action }) => (action === 'send' ? delay(50, true) : true);
    const { wire } = chatServer(new CountingModel(1_000).answer, { authorize }).open();
    const asked = firstValueFrom(request(wire, question('c', 'a1')));
    stopChat(wire, 'c', 'a1');
    await asked;
    const chunks = await chunksOf(await chatTransport(wire).reconnectToStream({ chatId: 'c' }));
    expect(chunks.filter(({ type }) => type === 'text-delta').length).toBeLessThan(1_000);
  });

  it('begins with no stop: there is nothing to resume then', async () => {
    const { open, rooms } = chatServer(() => NEVER);
    const { wire } = open();
    stopChat(wire, 'c', 'nothing');
    expect(await chatTransport(wire).reconnectToStream({ chatId: 'c' })).toBeNull();
    expect(await lastValueFrom(rooms.list('ai/').pipe(toArray()))).toEqual([]);
  });

  it.each([null, 1, { chatId: 'a/b' }, { chatId: 'a', answerId: ['x'] }])(
    'refuses what names no chat, without noise: %j',
    async (payload) => {
      const { open, errors } = chatServer(new CountingModel(1).answer);
      const { wire } = open();
      wire.next(createMessage('ai.stop', payload));
      await expect(firstValueFrom(request(wire, createMessage('ai.resume', payload)))).rejects.toMatchObject({ remoteCode: 'ERR_INVALID' });
      expect(errors).toEqual([]);
    },
  );

  it('may be very long: a text of three million characters', async () => {
    const text = '\u{1f600}x'.repeat(1_000_000);
    const { wire } = chatServer(() => [{ type: 'text-delta', id: '1', delta: text }]).open();
    const chunks = await chunksOf(await ask(wire));
    expect(chunks.map((chunk) => (chunk.type === 'text-delta' ? chunk.delta : '')).join('') === text).toBe(true);
  });

  it('may be many chunks that are there at once', async () => {
    const sources = Array.from(
      { length: 20_000 },
      (_, index) => ({ type: 'source-url', sourceId: String(index), url: 'https://x' }) as const,
    );
    const { wire } = chatServer(() => sources).open({ codec: msgpack() });
    expect(await chunksOf(await ask(wire))).toEqual(sources);
  });

  it('may take long: a reader that is late has all of it', async () => {
    let isLong = false;
    const { rooms, open } = chatServer(
      async function* () {
        yield { type: 'start' };
        for (let index = 0; !isLong; index++) {
          await delay(1);
          yield { type: 'text-delta', id: String(index % 2), delta: 'x' };
        }
        yield { type: 'finish' };
      },
      { flush: 1 },
    );
    await ask(open().wire);
    const isWritten = async (): Promise<boolean> => (await firstValueFrom(rooms.list('ai/'))).last.offset > 1_005;
    await until(isWritten, 40_000);
    const late = await chatTransport(open().wire).reconnectToStream({ chatId: 'c' });
    isLong = true;
    const chunks = await chunksOf(late);
    expect([chunks[0], chunks.at(-1)]).toMatchObject([{ type: 'start' }, { type: 'finish' }]);
  }, 60_000);

  it('stops the model when the answer was ended elsewhere', async () => {
    let signal: AbortSignal | undefined;
    const silent: ChatHandler = (turn) => {
      signal = turn.signal;
      return NEVER;
    };
    const { rooms, open } = chatServer(silent);
    await firstValueFrom(request(open().wire, question('c', 'a1')));
    await rooms.interrupt('ai/');
    expect(signal?.aborted).toBe(true);
  });

  it('ends with an error when the log has failed, which is reported', async () => {
    const log = memoryChannelLog();
    let isBroken = false;
    const append: typeof log.append = (name, message) => {
      if (!isBroken) return log.append(name, message);
      isBroken = false;
      throw new Error('the disk is full');
    };
    const { open, errors } = chatServer(
      async function* () {
        yield { type: 'start' };
        await delay(60);
        isBroken = true;
        yield { type: 'text-start', id: '1' };
        await new Promise(() => undefined);
      },
      {},
      { log: { ...log, append } },
    );
    const chat = page(open().wire, 'c');
    await within(3_000, chat.sendMessage({ text: 'count' }));
    expect([chat.status, chat.error?.message, errors]).toEqual([
      'error',
      expect.stringContaining('The answer has failed.'),
      [expect.any(Error)],
    ]);
  });
});
