import { readHello } from '../../lib/core/serverHandshake.js';
import type { SessionCodec } from '../../lib/core/coreTypes.js';
import type { Message } from '../../lib/message/types.js';
import { answerCall, asyncCodec, clientSide, exchange, message, open, serverSide, type Side } from './coreHarness.js';

const codec: SessionCodec = {
  name: 'test',
  encode: (messages) => JSON.stringify(messages),
  decode: (body) => JSON.parse(body as string) as Message[],
};
const failing = new Error('the codec has failed');
const kindsOf = ({ seen }: Side): readonly string[] => seen.map(({ kind }) => kind);
const latenciesOf = ({ seen }: Side): readonly number[] => seen.flatMap((event) => (event.kind === 'latency' ? [event.latency] : []));

describe('what a host learns from a core', () => {
  it('that messages were sent, and how long their ack took, without the delay of the other side', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.now = 100;
    client.send('a', 'b').frames();
    client.now = 160;
    client.receive('["ack",2,8,20]').frames();
    expect(client.seen).toEqual([
      { kind: 'agreed' },
      { kind: 'sent', messages: [expect.objectContaining({ id: 'a' }), expect.objectContaining({ id: 'b' })] },
      expect.objectContaining({ kind: 'outcome', outcome: 'acked', latency: 40 }),
      expect.objectContaining({ kind: 'outcome', outcome: 'acked', latency: 40 }),
      { kind: 'latency', latency: 40 },
    ]);
  });

  it('the latency of a ping while nothing is in flight, at each second check', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    for (const now of [500, 1_000, 1_500]) {
      client.now = now;
      client.core.tick(now);
      const frames = client.frames();
      client.now += 7;
      if (frames.length > 0) client.receive('["ack",0,8]').frames();
    }
    expect(latenciesOf(client)).toEqual([7, 7]);
  });

  it('nothing of sent messages that no application waits for', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.core.outgoing.interest = { awaitsAcks: () => false, awaitsSteps: () => false };
    client.send('a');
    exchange(client, server);
    expect(kindsOf(client)).toEqual(['agreed', 'latency']);
  });

  it('the error of each batch that cannot be decoded, and the last one with the batch', () => {
    const decode = (): never => {
      throw failing;
    };
    const client = clientSide({ maxBadFrames: 2, codecs: [{ ...codec, decode }] });
    const server = serverSide();
    open(client, server);
    client.receive('["msg",1,1,[]]').frames();
    expect(client.closed).toBe(4410);
    open(client, server);
    client.receive('["msg",1,1,[]]').frames();
    const failed = { kind: 'decode-failed', error: failing };
    expect(client.seen.filter(({ kind }) => kind !== 'agreed')).toEqual([
      failed,
      { kind: 'close', code: 4410, reason: 'message 1 is undecodable', isReported: false },
      failed,
      expect.objectContaining({ kind: 'undecodable', first: 1, count: 1, numbers: [1], body: '[]', attempts: 2, error: failing }),
    ]);
  });

  it('that a batch may be forged: it is never set aside, and ends the session', () => {
    const decode = (): never => {
      throw failing;
    };
    const sealed: SessionCodec = { ...codec, isSealed: true, isForgery: () => true, decode };
    const client = clientSide({ maxBadFrames: 2, codecs: [sealed] });
    const server = serverSide();
    for (let times = 0; times < 2; times++) {
      open(client, server);
      client.receive('["msg",1,1,[]]').frames();
    }
    expect(client.seen.filter(({ kind }) => kind === 'close')).toEqual([
      expect.objectContaining({ code: 4410 }),
      expect.objectContaining({ code: 4400, reason: expect.stringContaining('keys') as string, isReported: true }),
    ]);
  });
});

describe('an asynchronous codec', () => {
  it('is called by an effect, in both directions', () => {
    const client = clientSide({ codecs: [asyncCodec()] });
    const server = serverSide();
    open(client, server);
    client.send('a').frames();
    answerCall(client.effects.pop(), 0, 'body');
    expect(client.frames()).toEqual(['["msg",1,1,body]']);
    client.receive('["msg",1,1,["b"]]').frames();
    answerCall(client.effects.pop(), 0, [message('b')]);
    client.frames();
    expect(client.delivered).toEqual(['b']);
  });

  it('decodes the batch with which a client confirms the welcome, and then the frames behind it', () => {
    const [client, server] = [clientSide(), serverSide({ codecs: [asyncCodec()] })];
    client.send('a');
    client.core.opened(0);
    server.core.accept(readHello(client.frames()[0]), 0);
    server.receive(...client.receive(...server.frames()).frames(), '["ping",0]', '["msg",2,1,[{"id":"b"}]]').frames();
    expect([server.delivered, server.core.reader?.unread]).toEqual([[], 3]);
    answerCall(server.effects.pop(), 0);
    server.frames();
    answerCall(server.effects.pop(), 0);
    server.frames();
    expect([server.delivered, server.core.reader?.unread]).toEqual([['a', 'b'], 0]);
  });

  it('ends the connection when too many frames wait, and drops an answer of a former connection', () => {
    const client = clientSide({ codecs: [asyncCodec()], window: 1 });
    open(client, serverSide());
    client.receive('["msg",1,1,[{"id":"a"}]]').frames();
    for (let count = 0; count < 260; count++) client.receive('["ping",0]');
    expect([client.frames(), client.closed]).toEqual([[], undefined]);
    client.receive('["ping",0]').frames();
    expect(client.closed).toBe(4410);
    answerCall(client.effects.pop(), 0);
    client.frames();
    expect(client.delivered).toEqual([]);
  });
});

describe('messages without numbers', () => {
  it('wait for a connection within the limit of the queue', () => {
    const client = clientSide({ delivery: 'at-most-once', maxQueued: 2, overflow: 'drop-oldest' });
    client.send('a', 'b', 'c').frames();
    expect(client.outcomes).toEqual(['a dropped']);
    open(client, serverSide());
    expect(client.outcomes).toEqual(['a dropped', 'b sent', 'c sent']);
  });
});
