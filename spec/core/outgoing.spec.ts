import { Outgoing } from '../../lib/core/outgoing.js';
import { Outputs } from '../../lib/core/sessionTypes.js';
import { clientSide, OPTIONS, open, serverSide, type Side } from './coreHarness.js';

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
    const message = { id: 'a', type: 't', timestamp: 0, version: '1.0', source: '', payload: 'a' };
    const batch = { first: 1, count: 1, messages: [message], level: 'exactly-once' as const, body: undefined, sentAt: 0 };
    outgoing.restore({ acked: 0, last: 1, mark: 1, skips: [], isPaused: false, codec: codec.name }, [batch]);
    const agreement = { rx: 1, top: 1, isKnown: true, isFresh: false, window: 8, bytes: 100, codec, limits: {} };
    outgoing.attach({ ...agreement, id: '', pingInterval: 0, lazyAcks: false, rejections: false, counts: false });
    outgoing.encode(batch);
    outgoing.acknowledge({ done: 1, credit: 8, delay: 0, rejections: 0 }, 0);
    expect(outgoing.window.hasRoom(2, 100)).toBe(true);
    expect(outgoing.window.hasRoom(2, 101)).toBe(false);
  });
});
