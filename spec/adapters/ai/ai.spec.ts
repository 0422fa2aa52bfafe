import { Chat } from '@ai-sdk/react';
import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessage, type UIMessageChunk } from 'ai';
import { setTimeout as delay } from 'node:timers/promises';
import { chatTransport, serveChat, stopChat, type ChatHandler, type ServeChatOptions } from '../../../lib/adapters/ai/index.js';
import { joinChunks } from '../../../lib/adapters/ai/answerChunks.js';
import { channel, createMessage, hub, memoryChannelLog, request, type ChannelLog, type HubOptions, type Wire } from '../../../lib/index.js';
import { testWire, type TestWire } from '../../../lib/adapters/testing/index.js';
import { concat, firstValueFrom, fromEvent, throwError, toArray } from 'rxjs';
import { CountingModel, textOf } from './chatModel.js';

const closing: (() => void)[] = [];
/** Ends the answers that a test has left. */
let over = new AbortController();
afterEach(() => {
  over.abort();
  over = new AbortController();
  closing.splice(0).forEach((close) => close());
});

/** A server of chats, over a log that it may share with others. */
function chatServer(handler: ChatHandler, options: ServeChatOptions = {}, hubOptions: HubOptions = {}) {
  const rooms = hub({ authorize: ({ action }) => action === 'join', ...hubOptions });
  const { signal: end } = over;
  const ending: ChatHandler = (turn) => handler({ ...turn, signal: AbortSignal.any([turn.signal, end]) });
  const chat = serveChat(rooms, ending, { onError: () => undefined, ...options });
  const serve = (wire: Wire): void => {
    rooms.serve(wire);
    chat(wire);
  };
  const open = (): TestWire => {
    const network = testWire({ serve });
    closing.push(network.close);
    return network;
  };
  return { rooms, open };
}

let chats = 0;
const newId = (): string => `chat-${++chats}`;

/** A page with one chat, as `useChat` makes it. */
function page(wire: Wire, id: string): Chat<UIMessage> {
  return new Chat({ id, transport: chatTransport(wire) });
}

async function until(check: () => unknown): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`it must become true: ${String(check)}`);
    await delay(2);
  }
}

describe('a chat of the AI SDK', () => {
  it('sends a question, and receives the whole answer', async () => {
    const model = new CountingModel(30, 1);
    const { open } = chatServer(model.answer);
    const chat = page(open().wire, newId());
    await chat.sendMessage({ text: 'count' });
    expect([chat.status, chat.error, textOf(chat.lastMessage), model.calls]).toEqual(['ready', undefined, model.text, 1]);
    await chat.sendMessage({ text: 'again' });
    expect([chat.messages.map(({ role }) => role), textOf(chat.lastMessage), model.calls]).toEqual([
      ['user', 'assistant', 'user', 'assistant'],
      model.text,
      2,
    ]);
    await chat.regenerate();
    expect([chat.messages.length, textOf(chat.lastMessage), model.calls]).toEqual([4, model.text, 3]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('goes on after a reload at %s tenths of the answer, in a new page', async (tenth) => {
    const model = new CountingModel(20, 3);
    let say = (): void => undefined;
    model.lastWord = new Promise<void>((resolve) => (say = resolve));
    const { open } = chatServer(model.answer);
    const id = newId();
    const first = open();
    const before = page(first.wire, id);
    void before.sendMessage({ text: 'count' });
    await until(() => model.calls === 1 && textOf(before.lastMessage).split(' ').length > 2 * tenth);
    // The page goes without a word.
    first.cut();
    const after = page(open().wire, id);
    const resumed = after.resumeStream();
    await until(() => textOf(after.lastMessage).split(' ').length > 2 * tenth);
    say();
    await resumed;
    expect([after.status, after.error, textOf(after.lastMessage), model.calls, model.stops]).toEqual([
      'ready',
      undefined,
      model.text,
      1,
      0,
    ]);
  });

  it('goes on over connections that are cut', async () => {
    const model = new CountingModel(60, 3);
    const { open } = chatServer(model.answer);
    const { wire, drop } = open();
    const chat = page(wire, newId());
    const done = chat.sendMessage({ text: 'count' });
    for (let cuts = 0; cuts < 8; cuts++) {
      await delay(20);
      drop();
    }
    await done;
    expect([textOf(chat.lastMessage), model.calls]).toEqual([model.text, 1]);
  });

  it('has nothing to resume when no answer goes on', async () => {
    const model = new CountingModel(3, 1);
    const { open } = chatServer(model.answer);
    const id = newId();
    const { wire } = open();
    expect(await chatTransport(wire).reconnectToStream({ chatId: id })).toBeNull();
    await page(wire, id).sendMessage({ text: 'count' });
    expect(await chatTransport(wire).reconnectToStream({ chatId: id })).toBeNull();
  });

  it('stops the model, from the page that has asked', async () => {
    const model = new CountingModel(10_000, 2);
    const { open } = chatServer(model.answer);
    const chat = page(open().wire, newId());
    void chat.sendMessage({ text: 'count' });
    await until(() => textOf(chat.lastMessage).length > 20);
    await chat.stop();
    await until(() => model.stops === 1);
    expect(chat.status).toBe('ready');
  });

  it.each(['stop', 'stopChat'])('stops the model, from another page, by %s, and all readers have the same text', async (way) => {
    const model = new CountingModel(10_000, 2);
    const { open } = chatServer(model.answer);
    const id = newId();
    const one = page(open().wire, id);
    const done = one.sendMessage({ text: 'count' });
    await until(() => textOf(one.lastMessage).length > 20);
    const { wire } = open();
    const other = page(wire, id);
    const resumed = other.resumeStream();
    await until(() => textOf(other.lastMessage).length > 20);
    if (way === 'stop') await other.stop();
    else stopChat(wire, id);
    await Promise.all([done, resumed]);
    expect([model.stops, one.status, other.status]).toEqual([1, 'ready', 'ready']);
    if (way === 'stopChat') expect(textOf(other.lastMessage)).toBe(textOf(one.lastMessage));
    expect(await chatTransport(wire).reconnectToStream({ chatId: id })).toBeNull();
  });

  it('asks the model once, when a question is sent again', async () => {
    const model = new CountingModel(5, 1);
    const { open } = chatServer(model.answer);
    const [one, other] = [open().wire, open().wire];
    const payload = {
      chatId: newId(),
      answerId: 'same',
      trigger: 'submit-message',
      messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: 'count' }] }],
    };
    const ask = (wire: Wire): Promise<unknown> => firstValueFrom(request(wire, createMessage('ai.send', payload)));
    expect(await Promise.all([ask(one), ask(one), ask(other)])).toEqual(['same', 'same', 'same']);
    await delay(100);
    expect([await ask(other), model.calls]).toEqual(['same', 1]);
  });

  it('answers two questions at once, each page its own', async () => {
    const { open } = chatServer(async function* ({ messages }) {
      yield { type: 'start' };
      yield { type: 'text-start', id: '1' };
      for (const word of `to ${textOf(messages.at(-1))} I say`.split(' ')) {
        await delay(3);
        yield { type: 'text-delta', id: '1', delta: `${word} ` };
      }
      yield { type: 'text-end', id: '1' };
      yield { type: 'finish' };
    });
    const id = newId();
    const [one, other] = [page(open().wire, id), page(open().wire, id)];
    await Promise.all([one.sendMessage({ text: 'a' }), other.sendMessage({ text: 'b' })]);
    expect([textOf(one.lastMessage), textOf(other.lastMessage)]).toEqual(['to a I say ', 'to b I say ']);
  });

  it('calls a tool in the page, and goes on with its result, also after a reload', async () => {
    let go = (): void => undefined;
    const reloaded = new Promise<void>((resolve) => (go = resolve));
    let calls = 0;
    const { open } = chatServer(async function* ({ messages }) {
      calls++;
      const found = messages.at(-1)?.parts.find((part) => part.type === 'dynamic-tool');
      yield { type: 'start' };
      yield { type: 'start-step' };
      if (found?.state !== 'output-available') {
        yield { type: 'tool-input-available', toolCallId: 't1', toolName: 'clock', input: {}, dynamic: true };
      } else {
        yield { type: 'text-start', id: '1' };
        yield { type: 'text-delta', id: '1', delta: `It is ${String(found.output)}` };
        await reloaded;
        yield { type: 'text-delta', id: '1', delta: ' now' };
        yield { type: 'text-end', id: '1' };
      }
      yield { type: 'finish-step' };
      yield { type: 'finish' };
    });
    const id = newId();
    const before = new Chat<UIMessage>({
      id,
      transport: chatTransport(open().wire),
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => void before.addToolOutput({ tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output: 'noon' }),
    });
    void before.sendMessage({ text: 'What time is it?' });
    await until(() => textOf(before.lastMessage) === 'It is noon');
    const after = page(open().wire, id);
    const resumed = after.resumeStream();
    await until(() => textOf(after.lastMessage) === 'It is noon');
    go();
    await resumed;
    await until(() => before.status === 'ready');
    expect([textOf(before.lastMessage), before.messages.length, textOf(after.lastMessage), calls]).toEqual([
      'It is noon now',
      2,
      'It is noon now',
      2,
    ]);
  });

  it('shows the failure of a handler as an error, behind what was said', async () => {
    const errors: unknown[] = [];
    const failing: ChatHandler = async function* () {
      yield { type: 'start' };
      yield { type: 'text-start', id: '1' };
      yield { type: 'text-delta', id: '1', delta: 'so far' };
      await delay(50);
      throw new Error('a secret');
    };
    const { open } = chatServer(failing, { onError: (error) => errors.push(error), describe: () => 'The model is busy.' });
    const chat = page(open().wire, newId());
    await chat.sendMessage({ text: 'count' });
    expect([chat.status, textOf(chat.lastMessage)]).toEqual(['error', 'so far']);
    expect(chat.error?.message).toContain('The model is busy.');
    expect(JSON.stringify(chat.messages)).not.toContain('secret');
    expect(errors).toEqual([new Error('a secret')]);
  });

  it('has what the handler has said right before it fails', async () => {
    const said: UIMessageChunk[] = [{ type: 'start' }, { type: 'text-start', id: '1' }, { type: 'text-delta', id: '1', delta: 'so far' }];
    const { open } = chatServer(() =>
      concat(
        said,
        throwError(() => new Error('no model')),
      ),
    );
    const chat = page(open().wire, newId());
    await chat.sendMessage({ text: 'count' });
    expect([chat.status, textOf(chat.lastMessage)]).toEqual(['error', 'so far']);
  });

  it('goes on at another server of the same log, and is stopped from there', async () => {
    const log: ChannelLog = memoryChannelLog();
    const model = new CountingModel(10_000, 2);
    const [here, there] = [chatServer(model.answer, {}, { log }), chatServer(model.answer, {}, { log })];
    const id = newId();
    void page(here.open().wire, id).sendMessage({ text: 'count' });
    await until(() => model.calls === 1);
    const { wire } = there.open();
    const other = page(wire, id);
    const resumed = other.resumeStream();
    await until(() => textOf(other.lastMessage).length > 20);
    stopChat(wire, id);
    await resumed;
    expect([model.calls, model.stops]).toEqual([1, 1]);
  });

  it('ends an answer whose server has gone, with an error behind what was said', async () => {
    const log: ChannelLog = memoryChannelLog();
    const silent: ChatHandler = async function* ({ signal }) {
      yield { type: 'start' };
      yield { type: 'text-start', id: '1' };
      yield { type: 'text-delta', id: '1', delta: 'so far' };
      await firstValueFrom(fromEvent(signal, 'abort'));
    };
    const { open, rooms } = chatServer(silent, {}, { log });
    const id = newId();
    const chat = page(open().wire, id);
    const done = chat.sendMessage({ text: 'count' });
    await until(() => textOf(chat.lastMessage) === 'so far');
    // The next process of the server says that its answers were interrupted.
    await rooms.interrupt('ai/', 'the server was restarted');
    await done;
    expect([chat.status, textOf(chat.lastMessage)]).toEqual(['error', 'so far']);
    expect(chat.error?.message).toContain('the server was restarted');
  });

  it('does not take what a client writes for an answer, whatever its id and permissions are', async () => {
    const model = new CountingModel(10_000, 2);
    const { open, rooms } = chatServer(model.answer, {}, { authorize: () => true, identify: () => 'rxwire/ai' });
    const { wire } = open();
    const id = newId();
    const chat = page(wire, id);
    void chat.sendMessage({ text: 'count' });
    await until(() => textOf(chat.lastMessage).length > 20);
    const [info] = await firstValueFrom(rooms.list(`ai/${id}/`).pipe(toArray()));
    for (const source of ['rxwire/ai', '@rxwire/ai'])
      await channel(wire, info!.name).send(createMessage('ai.chunks', [{ type: 'text-delta', id: '1', delta: 'forged' }], { source }));
    const { length } = textOf(chat.lastMessage);
    await until(() => textOf(chat.lastMessage).length > length + 20);
    expect(textOf(chat.lastMessage)).not.toContain('forged');
    stopChat(wire, id);
  });

  it('refuses options that it does not have, on both sides', () => {
    const { wire } = testWire();
    expect(() => chatTransport(wire, { timeOut: 1 } as object)).toThrow('chatTransport: unknown option "timeOut"; did you mean "timeout"?');
    expect(() => serveChat(hub(), () => [], { maxAnswer: 1 } as object)).toThrow('serveChat: unknown option "maxAnswer"');
    wire.unsubscribe();
  });

  it('lets nobody ask, resume, stop or write without permission', async () => {
    const model = new CountingModel(10_000, 2);
    const allowed = new Set<string>(['send', 'resume', 'stop']);
    const { open } = chatServer(model.answer, { authorize: ({ action }) => allowed.has(action) });
    const { wire } = open();
    const id = newId();
    const chat = page(wire, id);
    void chat.sendMessage({ text: 'count' });
    await until(() => textOf(chat.lastMessage).length > 20);
    allowed.clear();
    stopChat(wire, id);
    await expect(chatTransport(wire).reconnectToStream({ chatId: id })).rejects.toMatchObject({ remoteCode: 'ERR_FORBIDDEN' });
    const other = page(wire, newId());
    await other.sendMessage({ text: 'count' });
    expect(other.error).toMatchObject({ remoteCode: 'ERR_FORBIDDEN' });
    expect([model.calls, model.stops]).toEqual([1, 0]);
    await expect(chatTransport(wire).reconnectToStream({ chatId: 'a/b' })).rejects.toThrow('the id of a chat must be');
  });

  it.each([null, 1, {}, { chatId: 'a' }, { chatId: 'a', answerId: '../x', messages: [] }, { chatId: 1, answerId: 'x', messages: [] }])(
    'refuses a question that is none: %j',
    async (payload) => {
      const { open } = chatServer(new CountingModel(1).answer);
      const asked = firstValueFrom(request(open().wire, createMessage('ai.send', payload)));
      await expect(asked).rejects.toMatchObject({ remoteCode: 'ERR_INVALID' });
    },
  );

  it('has a limit for the answers that run', async () => {
    const model = new CountingModel(10_000, 2);
    const { open } = chatServer(model.answer, { maxAnswers: 1 });
    const { wire } = open();
    void page(wire, newId()).sendMessage({ text: 'count' });
    await until(() => model.calls === 1);
    const other = page(wire, newId());
    await other.sendMessage({ text: 'count' });
    expect(other.error).toMatchObject({ remoteCode: 'ERR_OVERFLOW' });
  });
});

describe('joinChunks', () => {
  it('joins the pieces of one text, and nothing else', () => {
    const delta = (id: string, text: string) => ({ type: 'text-delta', id, delta: text }) as const;
    expect(joinChunks([delta('1', 'a'), delta('1', 'b'), delta('2', 'c'), { type: 'finish' }, delta('2', 'd')])).toEqual([
      delta('1', 'ab'),
      delta('2', 'c'),
      { type: 'finish' },
      delta('2', 'd'),
    ]);
  });
});
