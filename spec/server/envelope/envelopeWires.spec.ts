import { createMessage } from '../../../lib/message/createMessage.js';
import type { ListenOptions } from '../../../lib/server/listen.js';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import { rawClient } from '../../support/peer.js';
import { ack, frame, got, message, serve } from '../../support/recordingServer.js';

describe('listen: a client that knows only envelopes', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  const start = async (options?: ListenOptions) => (served = await serve(options));
  afterEach(() => served.close());

  it('needs no hello: its first message opens the wire, without a welcome', async () => {
    const { url, wire } = await start();
    const client = await rawClient(url);
    client.socket.send('{"id":"a","type":"chat.said","timestamp":0,"version":"1.0","payload":{"text":"hi"}}');
    const { messages, wire: there } = await wire();
    expect(await messages.take(1)).toMatchObject([{ id: 'a', type: 'chat.said', payload: { text: 'hi' } }]);
    expect(there.delivery).toBe('at-least-once');
    expect(await got(client, 1)).toEqual(['ack:a']);
  });

  it('has its messages delivered once and acked each time', async () => {
    const { url, wire } = await start();
    const client = await rawClient(url);
    client.socket.send(frame(message('a')));
    expect(await got(client, 1)).toEqual(['ack:a']);
    client.socket.send(frame(message('a'), message('b')));
    expect(await got(client, 3)).toEqual(['ack:a', 'ack:a', 'ack:b']);
    expect((await wire()).messages.values.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('receives messages again until it acks them', async () => {
    const { url, wire } = await start({ ackTimeout: 20, maxRetries: 10 });
    const client = await rawClient(url);
    client.socket.send(frame(message('a')));
    const { wire: there } = await wire();
    const acked = new Promise((resolve) => there.receipts$.subscribe((receipt) => receipt.status === 'acked' && resolve(receipt)));
    there.next(message('x'));
    expect(await got(client, 3)).toEqual(['ack:a', 'x', 'x']);
    client.socket.send(frame(ack('x')));
    expect(await acked).toMatchObject({ id: 'x', status: 'acked', attempts: 2 });
  });

  it('is a new one each time: its wire ends with its connection', async () => {
    const { url, wire, count } = await start();
    for (const index of [0, 1]) {
      const client = await rawClient(url);
      client.socket.send(frame(message('a')));
      const { messages, errors } = await wire(index);
      await messages.take(1);
      client.socket.terminate();
      expect(await messages.ended).toBe('complete');
      expect(errors.values).toEqual([expect.any(ConnectionLostError)]);
    }
    expect(count()).toBe(2);
  });

  it('may send a hello later: that is no message', async () => {
    const { url, wire } = await start();
    const client = await rawClient(url);
    client.socket.send(frame(message('a')));
    client.socket.send(frame(createMessage('system.hello', { session: 'x', resume: false, delivery: 'at-most-once' }), message('b')));
    expect(await got(client, 2)).toEqual(['ack:a', 'ack:b']);
    expect((await wire()).messages.values).toHaveLength(2);
  });
});
