import { createMessage } from '../../../lib/message/createMessage.js';
import { startVirtual, turns } from '../virtual.js';

const message = (id: string) => createMessage('test.any', null, { id });

describe('ServerSession', () => {
  let server: ReturnType<typeof startVirtual>;
  beforeEach(() => (server = startVirtual({ hibernateAfter: 20 })));
  afterEach(() => server.stop());

  const enter = async () => {
    const client = await server.enter({ lazyAcks: true });
    /** Returns the frames that the server has sent since the handshake. */
    const sent = async (): Promise<readonly unknown[]> => {
      await turns();
      return client.frames.values.slice(2);
    };
    return { ...client, wire: server.wires[0]!, sent };
  };
  /** One timer is for all sessions that hibernate. */
  const isHibernating = (): boolean => server.scheduler.actions.length === 1;

  it('sends the ack that it owes before it hibernates, although the client lets the ack wait', async () => {
    const { send, sent } = await enter();
    send('["ackmsg",0,1024,100,0,1,1,{"id":"a","type":"test.any","timestamp":0,"version":"1.0","source":"","payload":null}]');
    expect(await sent()).toEqual([]);
    await server.pass(100);
    expect(await sent()).toEqual([expect.stringMatching(/^\["ack",1,1024/)]);
    expect(isHibernating()).toBe(true);
  });

  it('takes only the messages above the last ack when it wakes up behind a parcel that is acked in part', async () => {
    const { send, sent, wire, code } = await enter();
    await server.pass(100);
    expect(isHibernating()).toBe(true);
    wire.next(message('a'));
    wire.next(message('b'));
    expect(await sent()).toEqual([expect.stringMatching(/^\["ackmsg",0,1024,1,0,1,2,/)]);
    send('["ack",1,1024]');
    expect(isHibernating()).toBe(true);
    wire.complete();
    expect((await sent()).slice(1)).toEqual(['["ping",2]']);
    send('["ack",2,1024]');
    expect(await code).toBe(1_000);
    expect(server.errors).toEqual([]);
  });

  it('wakes up for a message that the application waits for, and lets no ack of that message wait', async () => {
    const { send, sent, wire } = await enter();
    await server.pass(100);
    const receipt = wire.send(message('a'));
    expect(await sent()).toEqual([expect.stringMatching(/^\["msg",1,1,/)]);
    send('["ack",1,1024]');
    expect(await receipt).toMatchObject({ id: 'a', status: 'acked' });
  });

  it('sends the messages that it has taken while it hibernated, when one of them wakes it up', async () => {
    const { sent, wire } = await enter();
    await server.pass(100);
    wire.next(message('a'));
    wire.next(createMessage('test.any', null, { id: 'b', ttl: 1_000 }));
    expect((await sent()).join()).toMatch(/"a".*"b"/);
  });
});
