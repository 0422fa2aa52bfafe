import { createMessage } from '../../../lib/message/createMessage.js';
import { memoryOutbox } from '../../../lib/stores/memoryOutbox.js';
import { startVirtual, turns } from '../virtual.js';
import { enterSession, idsIn } from './enterSession.js';

const message = (id: string) => createMessage('test.any', null, { id });

describe('an idle session at a server', () => {
  let server: ReturnType<typeof startVirtual>;
  beforeEach(() => (server = startVirtual({})));
  afterEach(() => server.stop());

  const enter = async () => {
    const client = await server.enter();
    /** Returns the frames that the server has sent since the handshake. */
    const sent = async (): Promise<readonly unknown[]> => {
      await turns();
      return client.frames.values.slice(2);
    };
    return { ...client, wire: server.wires[0]!, sent };
  };
  it('lets no ack wait of a message that the application waits for', async () => {
    const { send, sent, wire } = await enter();
    await server.pass(100);
    const receipt = wire.send(message('a'));
    expect(await sent()).toEqual([expect.stringMatching(/^\["msg",1,1,/)]);
    send('["ack",1,1024]');
    expect(await receipt).toMatchObject({ id: 'a', status: 'acked' });
  });

  it('sends all messages of one go, also when one of them may expire', async () => {
    const { sent, wire } = await enter();
    await server.pass(100);
    wire.next(message('a'));
    wire.next(createMessage('test.any', null, { id: 'b', ttl: 1_000 }));
    expect((await sent()).join()).toMatch(/"a".*"b"/);
  });
});

it('a server keeps no more unacked messages than the outbox in memory that it was given', async () => {
  const session = await enterSession({ outbox: () => memoryOutbox({ maxMessages: 2 }) });
  for (const id of ['a', 'b', 'c']) session.wire.next(message(id));
  expect(idsIn(await session.sent())).toEqual(['a', 'b']);
  session.send('["ack",2,1024]');
  expect(idsIn(await session.sent())).toEqual(['a', 'b', 'c']);
  session.server.stop();
});
