import { Outgoing } from '../../lib/core/outgoing.js';
import { readHello } from '../../lib/core/serverHandshake.js';
import { Outputs } from '../../lib/core/coreTypes.js';
import { clientSide, exchange, message, OPTIONS, open, serverSide, type Side } from './coreHarness.js';

/** Answers the last call of the codec. */
function encoded(side: Side, body: string | undefined): void {
  side.core.encoded(side.effects.pop()!.id, body);
}

describe('Outgoing', () => {
  it('skips the numbers of dropped messages behind a batch that has become shorter', () => {
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
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
    const outgoing = new Outgoing(OPTIONS, new Outputs());
    const codec = OPTIONS.codecs[0]!;
    const batch = { first: 1, count: 1, messages: [message('a')], level: 'exactly-once' as const, body: undefined, sentAt: undefined };
    outgoing.restore({ acked: 0, last: 1, mark: 1, skips: [], isPaused: false, codec: codec.name }, [batch]);
    const agreement = { rx: 1, top: 1, isKnown: true, isFresh: false, window: 8, bytes: 100, codec, limits: {} };
    outgoing.attach({ ...agreement, id: '', pingInterval: 0, lazyAcks: false, rejections: false, counts: false });
    outgoing.encode(batch);
    outgoing.acknowledge({ done: 1, credit: 8, delay: 0, rejections: 0 }, 0);
    expect(outgoing.window.hasRoom(2, 100)).toBe(true);
    expect(outgoing.window.hasRoom(2, 101)).toBe(false);
  });

  it('counts a batch in the window once that expires while it is being encoded', () => {
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.core.send(message('a', { ttl: 5, timestamp: 0 }));
    client.frames();
    client.core.closed();
    client.now = 10;
    client.core.opened(client.now);
    server.core.accept(readHello(client.frames()[0]), server.now);
    const frames = client.receive(...server.frames()).frames();
    expect(client.outcomes).toEqual(['a expired']);
    encoded(client, `["${'a'.repeat(5_000)}"]`);
    server.receive(...frames);
    exchange(server, client);
    expect(client.core.outgoing.acked).toBe(1);
    const { window } = client.core.outgoing;
    expect([window.hasRoom(2, OPTIONS.bytes), window.hasRoom(2, OPTIONS.bytes + 1)]).toEqual([true, false]);
  });

  it('splits a batch that has no body yet for a server with lower limits', () => {
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.send('a', 'b', 'c').frames();
    client.core.closed();
    client.core.opened(0);
    const { n } = (JSON.parse(client.frames()[0] as string) as [string, { n: number }])[1];
    const fields = { n, sid: server.core.record?.sid, rt: 'r'.repeat(43), rx: 0, known: true, resumed: true, window: 8, bytes: 1_000 };
    client.receive(JSON.stringify(['welcome', { ...fields, ping: 1_000, codec: 'test', id: 'server', limits: { maxBatch: 2 } }]));
    client.frames();
    encoded(client, '["a","b"]');
    expect(client.frames().filter((frame) => (frame as string).startsWith('["msg"'))).toEqual(['["msg",1,2,["a","b"]]']);
  });

  it('does not send numbers again that the other side has skipped, when their batch is encoded at last', () => {
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    const reconnect = () => {
      client.core.closed();
      client.core.opened(client.now);
      server.core.accept(readHello(client.frames()[0]), server.now);
      return client.receive(...server.frames()).frames();
    };
    open(client, server);
    for (const id of ['a', 'b']) client.core.send(message(id, { ttl: 5, timestamp: 0 }));
    client.send('c', 'd').frames();
    client.now = 10;
    const frames = reconnect();
    expect(frames).toContain('["skip",[1,2]]');
    server.receive(...frames).frames();
    reconnect();
    // Together, the messages do not fit in a frame.
    const sent: unknown[] = [];
    for (let size = 20_000; client.effects.length > 0; size = 10) {
      encoded(client, `["${'x'.repeat(size)}"]`);
      sent.push(...client.frames());
    }
    const firsts = sent.flatMap((frame) => /^\["(?:ack)?msg",(?:\d+,\d+,\d+,\d+,)?(\d+)/.exec(frame as string)?.[1] ?? []);
    expect(firsts).toEqual(['3', '4']);
  });

  it('has sent a message without a number when its frame goes out, and not when it is encoded', () => {
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    open(client, server);
    client.core.send(message('a', { delivery: 'at-most-once' }));
    client.frames();
    encoded(client, '["a"]');
    client.core.closed();
    client.frames();
    expect(client.outcomes).toEqual(['a closed']);
  });

  it('tells the latency of a message that it has sent itself', () => {
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
    const [client, server] = [clientSide({ codecs }), serverSide()];
    const latencies = (): readonly number[] => client.seen.flatMap((event) => (event.kind === 'latency' ? [event.latency] : []));
    client.now = server.now = 1_000;
    open(client, server);
    client.core.send(message('a', { ttl: 5, timestamp: 1_000 }));
    client.send('b').frames();
    client.now = 1_010;
    client.core.closed();
    open(client, server);
    exchange(client, server);
    // The number of the first one is skipped, while the batch has no body yet.
    expect([client.outcomes, server.core.incoming.progress.done]).toEqual([['a expired'], 1]);
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
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
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
    const codecs = [{ ...OPTIONS.codecs[0]!, isAsync: true }];
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
