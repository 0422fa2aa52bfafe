import { Chat } from '@ai-sdk/react';
import type { UIMessage, UIMessageChunk } from 'ai';
import { concat, throwError } from 'rxjs';
import { chatTransport, serveChat, type ChatHandler, type ChatTurn } from '../../../lib/adapters/ai/index.js';
import { hub, type Wire } from '../../../lib/index.js';
import { testWire } from '../../../lib/adapters/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { CountingModel, textOf } from './chatModel.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** Returns a function that opens a wire to a server of chats. */
function chatServer(handler: ChatHandler): () => Wire {
  const rooms = hub({ authorize: ({ action }) => action === 'join' });
  const chat = serveChat(rooms, handler, { onError: () => undefined });
  return () => {
    const { wire, close } = testWire({ serve: (served: Wire) => void (rooms.serve(served), chat(served)) });
    closing.push(close);
    return wire;
  };
}

/** A page that has these messages when it is loaded. */
function page(wire: Wire, messages: readonly UIMessage[] = []): Chat<UIMessage> {
  const transport = chatTransport(wire, { hasMessage: (messageId) => messages.some(({ id }) => id === messageId) });
  return new Chat<UIMessage>({ id: 'c', messages: [...messages], transport });
}

/** An answer of one word to each question. */
const answer = ({ messages }: ChatTurn): UIMessageChunk[] => [
  { type: 'start' },
  { type: 'text-start', id: '1' },
  { type: 'text-delta', id: '1', delta: `to ${textOf(messages.at(-1))}` },
  { type: 'text-end', id: '1' },
  { type: 'finish' },
];

const rolesOf = (chat: Chat<UIMessage>): readonly string[] => chat.messages.map(({ role }) => role);

describe('an answer that ends while the page is loaded again', () => {
  it('is resumed by a page that does not have it, and by no other', async () => {
    const open = chatServer(new CountingModel(5, 1).answer);
    const before = page(open());
    await before.sendMessage({ text: 'count' });
    const [question] = before.messages;
    const after = page(open(), [question!]);
    await after.resumeStream();
    expect([after.status, rolesOf(after), textOf(after.lastMessage)]).toEqual(['ready', ['user', 'assistant'], 'w0 w1 w2 w3 w4 ']);
    expect(after.messages).toEqual(before.messages);

    const later = page(open(), after.messages);
    await later.resumeStream();
    expect([later.status, later.messages]).toEqual(['ready', before.messages]);
    const plain = chatTransport(open());
    expect(await plain.reconnectToStream({ chatId: 'c' })).toBeNull();
  });

  it('is the latest one, and is not resumed before one that runs', async () => {
    let say = (): void => undefined;
    const said = new Promise<void>((resolve) => (say = resolve));
    const open = chatServer(async (turn) => {
      if (textOf(turn.messages.at(-1)) === 'three') await said;
      return answer(turn);
    });
    const before = page(open());
    await before.sendMessage({ text: 'one' });
    await before.sendMessage({ text: 'two' });
    const after = page(open(), before.messages.slice(0, 3));
    await after.resumeStream();
    expect(after.messages.map((message) => textOf(message))).toEqual(['one', 'to one', 'two', 'to two']);
    const third = before.sendMessage({ text: 'three' });
    await eventually(() => expect(before.status).toBe('submitted'));
    const last = page(open(), after.messages);
    const resumed = last.resumeStream();
    await eventually(() => expect(last.status).toBe('submitted'));
    say();
    await Promise.all([third, resumed]);
    expect(textOf(last.lastMessage)).toBe('to three');
  });

  it('is resumed with its error', async () => {
    const said: readonly UIMessageChunk[] = [
      { type: 'start' },
      { type: 'text-start', id: '1' },
      { type: 'text-delta', id: '1', delta: 'so far' },
    ];
    const open = chatServer(() =>
      concat(
        said,
        throwError(() => new Error('no model')),
      ),
    );
    const before = page(open());
    await before.sendMessage({ text: 'count' });
    const after = page(open(), before.messages.slice(0, 1));
    await after.resumeStream();
    expect([after.status, textOf(after.lastMessage)]).toEqual(['error', 'so far']);
  });

  it('has the id that the handler gives its message, and none if it continues a message', async () => {
    const open = chatServer(({ messages }) => [
      messages.length === 1 ? { type: 'start', messageId: 'named' } : { type: 'start' },
      { type: 'finish' },
    ]);
    const chat = page(open());
    await chat.sendMessage({ text: 'one' });
    expect(chat.lastMessage?.id).toBe('named');
    // The page sends the message again, with the result of a tool, for example.
    await chat.sendMessage();
    expect(chat.messages.map(({ id }) => id).slice(1)).toEqual(['named']);
    const after = page(open(), chat.messages.slice(0, 1));
    await after.resumeStream();
    expect([after.status, after.messages]).toEqual(['ready', chat.messages.slice(0, 1)]);
  });

  it('is not resumed without a message, or when the page fails to look for it', async () => {
    const open = chatServer(() => []);
    await page(open()).sendMessage({ text: 'count' });
    const after = page(open());
    await after.resumeStream();
    expect([after.status, after.messages]).toEqual(['ready', []]);

    const other = chatServer(answer);
    await page(other()).sendMessage({ text: 'count' });
    const failing = chatTransport(other(), {
      hasMessage() {
        throw new Error('no storage');
      },
    });
    await expect(failing.reconnectToStream({ chatId: 'c' })).rejects.toThrow('no storage');
  });
});
