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
});
