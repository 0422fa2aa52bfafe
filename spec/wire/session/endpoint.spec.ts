import { createMessage } from '../../../lib/message/createMessage.js';
import { startVirtual, turns } from '../../server/virtual.js';

const message = (id: string) => createMessage('test.any', null, { id });
/** A batch of the client, whose ack may wait for two seconds. */
const patient = (first: number, id: string): string =>
  `["ackmsg",0,1024,100,0,${first},1,{"id":"${id}","type":"test.any","timestamp":0,"version":"1.0","source":"","payload":null}]`;

describe('an endpoint whose other side lets acks wait', () => {
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

  it('lets the ack of a message wait that the application does not watch', async () => {
    const { wire, sent } = await enter();
    wire.next(message('a'));
    expect(await sent()).toEqual([expect.stringMatching(/^\["ackmsg",0,1024,1,0,1,1,/)]);
  });

  it('does not let the ack of a message wait when receipts have a subscriber', async () => {
    const { wire, sent } = await enter();
    wire.receipts$.subscribe();
    wire.next(message('a'));
    expect(await sent()).toEqual([expect.stringMatching(/^\["msg",1,1,/)]);
  });

  it('does not let the ack of a message wait that the application has sent with `send`', async () => {
    const { wire, sent, send } = await enter();
    const receipt = wire.send(message('a'));
    expect(await sent()).toEqual([expect.stringMatching(/^\["msg",1,1,/)]);
    send('["ack",1,1024]');
    expect(await receipt).toMatchObject({ status: 'acked' });
    wire.next(message('b'));
    expect((await sent()).slice(1)).toEqual([expect.stringMatching(/^\["ackmsg",0,1024,1,0,2,1,/)]);
  });

  it('requests delayed acks when the application completes the wire', async () => {
    const { wire, sent, send, code } = await enter();
    wire.next(message('a'));
    await sent();
    wire.complete();
    expect((await sent()).slice(1)).toEqual(['["ping",1]']);
    send('["ack",1,1024]');
    expect(await code).toBe(1_000);
  });

  it('does not let the ack of a message wait that is sent while the session drains', async () => {
    const { wire, sent } = await enter();
    wire.next(message('a'));
    wire.complete();
    expect(await sent()).toContainEqual(expect.stringMatching(/^\["msg",1,1,/));
  });

  it.each([
    ['completes', 1_000, () => server.wires[0]?.complete()],
    ['unsubscribes', 4_000, () => server.wires[0]?.unsubscribe()],
  ])('sends the ack that it owes before the connection ends, when the application %s the wire', async (_, expected, end) => {
    const { sent, send, code } = await enter();
    send(patient(1, 'a'));
    expect(await sent()).toEqual([]);
    end();
    expect(await sent()).toEqual([expect.stringMatching(/^\["ack",1,1024/)]);
    expect(await code).toBe(expected);
  });
});
