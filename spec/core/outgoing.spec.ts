import { StoredOutgoing } from '../../lib/core/storedOutgoing.js';
import { readHello } from '../../lib/core/serverHandshake.js';
import { Outputs } from '../../lib/core/coreTypes.js';
import { answerCall, asyncCodec, clientSide, exchange, message, OPTIONS, open, serverSide, type Side } from './coreHarness.js';

/** Answers the last call of the codec. */
const encoded = (side: Side, body: string): void => answerCall(side.effects.pop(), side.now, body);

describe('Outgoing', () => {
  it('skips the numbers of dropped messages behind a batch that has become shorter', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs, maxQueued: 1 }), serverSide()];
    open(client, server);
    client.core.outgoing.maxBatch = 4;
    client.send('a').frames();
    // The first batch waits for its body, and `b` for room in the queue.
    client.send('b', 'c');
    encoded(client, '["a"]');
    expect(client.frames()).toEqual(['["msg",1,1,["a"]]', '["skip",[2]]']);
  });

  it('counts an accepted batch that is encoded after the handshake in the window until its ack', () => {
    const outgoing = new StoredOutgoing(OPTIONS, new Outputs(), { maxStored: 1 });
    const codec = OPTIONS.codecs[0]!;
    const batch = { first: 1, count: 1, messages: [message('a')], level: 'exactly-once' as const, body: undefined, sentAt: undefined };
    outgoing.restore({ acked: 0, last: 1, mark: 1, skips: [], isPaused: false, codec: codec.name }, [batch]);
    const agreement = { rx: 1, top: 1, isKnown: true, isFresh: false, window: 8, bytes: 100, codec, limits: {} };
    outgoing.attach({ ...agreement, id: '', pingInterval: 0 });
    outgoing.encode(batch);
    outgoing.acknowledge({ done: 1, credit: 8, delay: 0, rejections: 0 }, 0);
    expect(outgoing.window.hasRoom(2, 100)).toBe(true);
    expect(outgoing.window.hasRoom(2, 101)).toBe(false);
  });

  it('counts a batch in the window once that expires while it is being encoded', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.core.send(message('a', { ttl: 5, timestamp: 0 }));
    client.frames();
    client.core.closed();
    client.now = 10;
    client.core.opened(client.now);
    server.core.accept(readHello(client.frames()[0]), server.now);
    client.receive(...server.frames()).frames();
    encoded(client, `["${'a'.repeat(5_000)}"]`);
    server.receive(...client.frames());
    expect(client.outcomes).toEqual(['a expired']);
    exchange(server, client);
    expect(client.core.outgoing.acked).toBe(1);
    const { window } = client.core.outgoing;
    expect([window.hasRoom(2, OPTIONS.bytes), window.hasRoom(2, OPTIONS.bytes + 1)]).toEqual([true, false]);
  });

  it('splits a batch that has no body yet for a server with lower limits', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.send('a', 'b', 'c').frames();
    client.core.closed();
    client.core.opened(0);
    const { n } = (JSON.parse(client.frames()[0] as string) as [string, { n: number }])[1];
    const fields = { n, sid: server.core.record?.sid, rt: 'r'.repeat(43), rx: 0, known: true, resumed: true, window: 8, bytes: 1_000 };
    client.receive(JSON.stringify(['welcome', { ...fields, ping: 1_000, codec: 'test', id: 'server', limits: { maxBatch: 2 } }]));
    client.frames();
    // The former batch is still being encoded.
    encoded(client, '["a","b","c"]');
    client.frames();
    encoded(client, '["a","b"]');
    expect(client.frames().filter((frame) => (frame as string).startsWith('["msg"'))).toEqual(['["msg",1,2,["a","b"]]']);
  });

  it('has sent a message without a number when its frame goes out, and not when it is encoded', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.core.send(message('a', { delivery: 'at-most-once' }));
    client.frames();
    encoded(client, '["a"]');
    client.core.closed();
    client.frames();
    expect(client.outcomes).toEqual(['a closed']);
  });

  it('sends the skips of a batch when its codec has answered: an earlier message of the batch was never sent', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.send('a');
    client.core.send(message('b', { ttl: 5, timestamp: 0 }));
    client.frames();
    client.core.outgoing.expireWaiting(5);
    expect(client.frames()).toEqual([]);
    expect(client.core.outgoing.sent).toBe(0);
    encoded(client, '["a","b"]');
    expect(client.frames().map((frame) => String(frame).slice(0, 7))).toEqual(['["skip"', '["msg",']);
  });

  it('tells the latency of a message that it has sent itself', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    const latencies = (): readonly number[] => client.seen.flatMap((event) => (event.kind === 'latency' ? [event.latency] : []));
    client.now = server.now = 1_000;
    open(client, server);
    client.core.send(message('a', { ttl: 5, timestamp: 1_000 }));
    client.send('b').frames();
    client.now = 1_010;
    client.core.closed();
    open(client, server);
    encoded(client, '[{"id":"a"},{"id":"b"}]');
    exchange(client, server);
    expect([client.outcomes[0], server.core.incoming.progress.done]).toEqual(['a expired', 2]);
    expect(latencies().filter((latency) => latency > 10)).toEqual([]);
  });

  it.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)(
    'gives up a message that waits when its ttl passes: %s',
    (delivery) => {
      const [client, server] = [clientSide(), serverSide()];
      client.core.send(message('a', { ttl: 5, timestamp: 0, delivery }));
      client.core.send(message('b', { ttl: 500, timestamp: 0, delivery }));
      client.core.send(message('c', { delivery }));
      expect(client.core.outgoing.nextExpiry).toBe(5);
      client.core.outgoing.expireWaiting(5);
      client.frames();
      expect([client.outcomes, client.core.outgoing.nextExpiry]).toEqual([['a expired'], 500]);
      open(client, server);
      exchange(client, server);
      const outcome = delivery === 'at-most-once' ? 'sent' : 'acked';
      expect(client.outcomes).toEqual(['a expired', `b ${outcome}`, `c ${outcome}`]);
    },
  );

  it('gives up no message that was sent, before the next connection', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.core.send(message('a', { ttl: 5, timestamp: 0 }));
    client.frames();
    client.core.closed();
    client.core.outgoing.expireWaiting(5);
    client.now = server.now = 5;
    expect(client.frames()).toEqual([]);
    expect(client.outcomes).toEqual([]);
    open(client, server);
    exchange(client, server);
    expect(client.outcomes).toEqual(['a expired']);
  });

  it('gives up a message that waits again, since another server does not have it', () => {
    const [client, other] = [clientSide(), serverSide()];
    open(client, serverSide());
    client.core.send(message('a', { ttl: 5, timestamp: 0, delivery: 'at-least-once' }));
    client.frames();
    client.core.closed();
    client.core.outgoing.expireWaiting(4);
    expect(client.core.outgoing.nextExpiry).toBe(Infinity);
    client.core.opened(client.now);
    other.core.accept(readHello(client.frames()[0]), other.now);
    client.receive(...other.frames());
    expect(client.core.outgoing.nextExpiry).toBe(0);
    client.core.outgoing.expireWaiting(5);
    client.frames();
    expect(client.outcomes).toEqual(['a expired']);
  });

  it('skips the second message of a batch when it expires while the batch is being encoded', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.send('a');
    client.core.send(message('b', { ttl: 5, timestamp: 0 }));
    client.send('c').frames();
    client.now = server.now = 5;
    client.core.outgoing.expireWaiting(5);
    encoded(client, JSON.stringify(['a', 'b', 'c'].map((id) => message(id))));
    exchange(client, server);
    expect(server.seen.flatMap((event) => (event.kind === 'message' ? [event.number] : []))).toEqual([1, 3]);
    expect(client.outcomes).toEqual(['b expired', 'a acked', 'c acked']);
  });

  it('keeps a later message with the id of one that has expired', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.core.send(message('a', { ttl: 5, timestamp: 0 }));
    client.frames();
    client.core.outgoing.expireWaiting(5);
    client.core.send(message('a', { payload: 'second' }));
    client.now = server.now = 5;
    client.frames();
    expect(client.outcomes).toEqual(['a expired']);
    expect([...client.core.outgoing.pending.values()].map(({ payload }) => payload)).toEqual(['second']);
  });
});
