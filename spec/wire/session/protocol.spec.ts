import { readFileSync } from 'node:fs';
import { noop } from 'rxjs';
import { webSocket } from '../../../lib/io/webSocket.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { connect } from '../../../lib/wire/connect.js';
import { rawClient, socketServer, type Peer } from '../../support/peer.js';
import { record } from '../../support/record.js';
import { wireServer } from '../../support/wireServer.js';

/** Who sends it (`x`: the client, and it is lost), and the frame. */
type Line = readonly [from: string, text: string];

const [, example = ''] = /```session\n([\s\S]*?)```/.exec(readFileSync('docs/protocol.md', 'utf8')) ?? [];
const lines = example
  .trim()
  .split('\n')
  .map((line): Line => [line.slice(0, 1), line.slice(2)]);
const cut = lines.findIndex(([from]) => from === '-');
const connections = [lines.slice(0, cut), lines.slice(cut + 1, -1)];

const message = (id: string, type: string, payload: unknown = null): Message => createMessage(type, payload, { id, timestamp: 0 });

/** What is random differs from what the document says: from its first sight on, one stands for the other. */
function dictionary() {
  const random = /[\w-]{21,}/g;
  const actual = new Map<string, string>();
  return {
    /** The text as it is said here. */
    translate: (text: string): string => text.replace(random, (word) => actual.get(word) ?? word),
    /** Notes what stands for what. */
    learn(text: string, said: string): void {
      const words = said.match(random) ?? [];
      (text.match(random) ?? []).forEach((word, index) => actual.set(word, words[index] ?? word));
    },
  };
}

/** A frame without the time that an ack was kept back: that differs each time. */
function withoutDelay(text: string): readonly unknown[] {
  const frame = JSON.parse(text) as unknown[];
  if (frame[0] === 'ack') return frame.slice(0, 3);
  return frame[0] === 'ackmsg' ? [...frame.slice(0, 4), 0, ...frame.slice(5)] : frame;
}

/** Speaks one side of a connection, and expects the other. */
async function speak(
  mine: string,
  part: readonly Line[],
  { socket, frames }: Peer,
  { translate, learn }: ReturnType<typeof dictionary>,
  step: (line: string) => void = noop,
): Promise<void> {
  let seen = 0;
  for (const [from, text] of part) {
    if (from === mine) socket.send(translate(text));
    else if (from !== 'x' || mine === 'S') {
      const got = String((await frames(++seen)).at(-1));
      learn(text, got);
      expect(withoutDelay(got)).toEqual(withoutDelay(translate(text)));
    }
    step(`${from} ${text}`);
  }
}

describe('the session of docs/protocol.md', () => {
  it('has two connections', () => {
    expect(connections.map((part) => part.length)).toEqual([7, 4]);
  });

  it('states the frames of listen for a client', async () => {
    const words = dictionary();
    const got: string[] = [];
    const answers = [message('b1', 'order.packed'), message('b2', 'order.sent')];
    const server = await wireServer((wire) => {
      wire.subscribe(({ id }) => {
        got.push(id);
        if (id === 'a1') answers.forEach((answer) => wire.next(answer));
      });
    });
    for (const [index, part] of connections.entries()) {
      const client = await rawClient(server.url);
      await speak('C', part, client, words);
      if (index === 0) client.socket.terminate();
      else client.socket.close(1000);
      await client.ended;
    }
    expect(got).toEqual(['a1', 'a2']);
    await server.close();
  });

  it('states the frames of connect for a server', async () => {
    const words = dictionary();
    const server = await socketServer();
    const wire = connect({ link: webSocket(server.url), id: 'browser', delivery: 'exactly-once', reconnect: { initialInterval: 1 } });
    const got = record(wire);
    void got.take(2).then(() => wire.next(message('a2', 'order.paid', 12)));
    for (const [index, part] of connections.entries()) {
      const peer = await server.peer(index);
      await speak('S', part, peer, words, (line) => {
        if (line === 'S ["ack",0,1024]') wire.next(message('a1', 'order.placed', { tea: 2 }));
      });
      if (index === 0) peer.socket.terminate();
    }
    wire.complete();
    expect(await (await server.peer(1)).ended).toMatchObject({ code: 1000 });
    expect(got.values.map(({ id }) => id)).toEqual(['b1', 'b2']);
    await server.close();
  });
});
