import { of } from 'rxjs';
import { asynchronous } from '../../../lib/codec/asynchronous.js';
import { json } from '../../../lib/codec/json.js';
import type { Codec } from '../../../lib/codec/codec.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { startVirtual } from '../virtual.js';
import { enterSession } from './enterSession.js';

const message = (id: string, fields: object = {}): Message => createMessage('test.any', null, { id, ...fields });
const text = json();
const late: Codec = { ...text, asynchronous, encode: (messages) => of(text.encode(messages)) };

type Send = (wire: Wire, id: string) => void;
const sendAtMostOnce: Send = (wire, id) => wire.next(message(id, { delivery: 'at-most-once' }));

// The client vanishes without closing its connection.
describe('a session at a server, to a client that vanishes', () => {
  it.each<[what: string, send: Send, options: object]>([
    ['nothing', () => undefined, {}],
    ['at-most-once messages', sendAtMostOnce, {}],
    ['at-most-once messages that expire', (wire, id) => wire.next(message(id, { delivery: 'at-most-once', ttl: 1_000 })), {}],
    ['messages', (wire, id) => wire.next(message(id)), {}],
    [
      'at-most-once messages and others in one go',
      (wire, id) => {
        sendAtMostOnce(wire, id);
        wire.next(message(`other-${id}`));
      },
      {},
    ],
    ['messages by an asynchronous codec', (wire, id) => wire.next(message(id)), { codecs: [late] }],
  ])('closes the connection after 2.5 intervals, while the application sends %s every 300 ms', async (_, send, options) => {
    const { server, wire, frames, code } = await enterSession({ pingInterval: 1_000, ...options });
    for (let time = 100; time < 2_500; time += 300) {
      send(wire, `m${time}`);
      await server.pass(300);
    }
    expect(frames.isOver()).toBe(true);
    expect(await code).toBe(4_411);
    server.stop();
  });

  it('closes the connection after 2.5 intervals, while receipts have a subscriber', async () => {
    const { server, wire, frames, code } = await enterSession({ pingInterval: 1_000 });
    wire.receipts$.subscribe();
    for (let time = 100; time < 2_500; time += 300) {
      sendAtMostOnce(wire, `m${time}`);
      await server.pass(300);
    }
    expect(frames.isOver()).toBe(true);
    expect(await code).toBe(4_411);
    server.stop();
  });
});

it('a server with its default options closes the connection of a client that vanishes, while it sends a message every 5 s', async () => {
  const server = startVirtual({});
  const { frames, code } = await server.enter();
  for (let time = 0; time < 40_000; time += 5_000) {
    server.wires[0]!.next(message(`m${time}`, { delivery: 'at-most-once', ttl: 5_000 }));
    await server.pass(5_000);
  }
  expect(frames.values.some((frame) => String(frame).startsWith('["ping"'))).toBe(true);
  expect(frames.isOver()).toBe(true);
  expect(await code).toBe(4_411);
  server.stop();
});
