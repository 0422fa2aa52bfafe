import type { ServerCore } from '../../lib/core/serverCore.js';
import { readHello, ServerHandshake } from '../../lib/core/serverHandshake.js';
import { SessionStores } from '../../lib/core/sessionStores.js';
import type { SessionCodec } from '../../lib/core/coreTypes.js';
import type { Message } from '../../lib/message/types.js';
import {
  answerCall,
  asyncCodec,
  clientCore,
  clientSide,
  exchange,
  isDrained,
  message,
  open,
  OPTIONS,
  processed,
  serverSide,
  Side,
} from './coreHarness.js';

describe('SessionCore', () => {
  it('delivers messages in order, and tells the sender that they are acked', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.send('a', 'b').core.send(message('c', { priority: 3 }));
    exchange(client, server);
    expect(server.delivered).toEqual(['c', 'a', 'b']);
    expect(client.outcomes).toEqual(['c acked', 'a acked', 'b acked']);
    expect([isDrained(client.core), isDrained(server.core)]).toEqual([true, true]);
  });

  it('sends nothing before the handshake has ended, and its messages after it', () => {
    const client = clientSide();
    client.send('a');
    expect(client.frames()).toEqual([]);
    client.core.opened(0);
    expect(client.frames()).toEqual([expect.stringMatching(/^\["hello",/)]);
    expect(client.frames()).toEqual([]);
  });

  it('sends a batch again with identical bytes over the next connection', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    const [first] = client.send('a').frames();
    client.core.closed();
    client.core.opened(0);
    server.core.accept(readHello(client.frames()[0]), 0);
    client.receive(...server.frames());
    const [again] = client.frames();
    // The ack in front of the batch is not a part of it.
    expect(again).toBe(`["ackmsg",0,8,0,0,${(first as string).slice('["msg",'.length)}`);
    server.receive(again!);
    exchange(server, client);
    client.frames();
    expect([server.delivered, client.outcomes]).toEqual([['a'], ['a acked']]);
  });

  it('acks what is processed, not what is delivered', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.receive(...client.send('a').frames());
    expect(server.frames(true)).toEqual(['["ack",0,8]']);
    const [event] = server.seen.filter(({ kind }) => kind === 'message');
    if (event?.kind !== 'message') throw new Error('no message was delivered');
    processed(server.core, event.number, event.progress, 0);
    expect(server.frames()).toEqual(['["ack",1,8]']);
  });

  it('sends no more than the window, and the rest behind the ack', () => {
    const [client, server] = [clientSide({ maxQueued: 100 }), serverSide({ window: 2 })];
    open(client, server);
    client.send('a', 'b', 'c');
    const frames = client.frames();
    expect(frames).toHaveLength(1);
    server.receive(...frames);
    expect(server.frames(true)).toEqual(['["ack",0,2]']);
    expect(client.frames()).toEqual([]);
    client.receive('["ack",1,2]');
    expect(client.frames()).toEqual([expect.stringMatching(/"c"/)]);
  });

  it('sends one message at a time when the credit is 0', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.receive('["ack",0,0]').send('a', 'b');
    expect(client.frames()).toEqual([expect.stringMatching(/^\["ackmsg",0,8,0,0,1,1,|^\["msg",1,1,/)]);
    expect(client.receive('["ack",1,0]').frames()).toHaveLength(1);
  });

  it('carries an ack with a batch that goes the same way', () => {
    const [client, server] = [clientSide({ ackDelayOf: () => 100 }), serverSide({ ackDelayOf: () => 100 })];
    client.core.outgoing.interest = server.core.outgoing.interest = { awaitsAcks: () => false, awaitsSteps: () => true };
    open(client, server);
    server.receive(...client.send('a').frames());
    // The client allows the ack to wait.
    expect(server.frames()).toEqual([]);
    expect(server.core.timeout).toBe(100);
    expect(server.send('b').frames()).toEqual([expect.stringMatching(/^\["ackmsg",1,8,5,0,1,1,/)]);
  });

  it('sends a waiting ack alone when its time has come, and says how long it has waited', () => {
    const [client, server] = [clientSide({ ackDelayOf: () => 100 }), serverSide()];
    client.core.outgoing.interest = { awaitsAcks: () => false, awaitsSteps: () => true };
    open(client, server);
    server.receive(...client.send('a').frames()).frames();
    server.now = 100;
    server.core.tick(100);
    expect(server.frames()).toEqual(['["ack",1,8,100]']);
  });

  it('gives up what may have arrived when the server has forgotten the session, and sends the rest', () => {
    const [client, first, second] = [clientSide(), serverSide({ window: 2 }), serverSide()];
    open(client, first);
    client.send('a', 'b', 'c').frames();
    open(client, second);
    exchange(client, second);
    expect(client.outcomes).toEqual(['a in-doubt', 'b in-doubt', 'c acked']);
    expect(second.delivered).toEqual(['c']);
  });

  it('sends an at-least-once message again when the server has forgotten the session', () => {
    const [client, first, second] = [clientSide({ delivery: 'at-least-once' }), serverSide(), serverSide()];
    open(client, first);
    first.receive(...client.send('a').frames()).frames();
    open(client, second);
    exchange(client, second);
    expect([first.delivered, second.delivered, client.outcomes]).toEqual([['a'], ['a'], ['a acked']]);
  });

  it('uses no number again that the server has processed and this client does not know', () => {
    const [client, server] = [clientSide(), serverSide()];
    client.core.opened(0);
    const { n } = (JSON.parse(client.frames()[0] as string) as [string, { n: number }])[1];
    const fields = { n, sid: 's'.repeat(22), rt: 'r'.repeat(43), rx: 0, top: 2, known: true, resumed: false, window: 8 };
    client.receive(JSON.stringify(['welcome', { ...fields, bytes: 1_000, ping: 1_000, codec: 'test', id: 'server' }]));
    expect(client.send('a').frames()).toEqual(['["skip",[1,2]]', expect.stringMatching(/^\["ackmsg",0,8,0,0,3,1,/)]);
    expect(server.delivered).toEqual([]);
  });

  it('skips what has expired before it is sent again', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.core.send(message('a', { ttl: 50 }));
    client.send('b').frames();
    server.core.closed();
    client.now = server.now = 60;
    open(client, server);
    exchange(client, server);
    expect(server.delivered).toEqual(['b']);
    expect(client.outcomes).toEqual(['a expired', 'b acked']);
    expect(server.seen).toContainEqual({ kind: 'missed', count: 1 });
  });

  it('gives a message up that cannot be encoded, and sends the others', () => {
    const codec: SessionCodec = {
      name: 'test',
      encode(messages) {
        if (messages.some(({ id }) => id === 'bad')) throw new Error('it cannot be encoded');
        return JSON.stringify(messages);
      },
      decode: (body) => JSON.parse(body as string) as Message[],
    };
    const [client, server] = [clientSide({ codecs: [codec] }), serverSide()];
    open(client, server);
    client.send('a', 'bad', 'b');
    exchange(client, server);
    expect(server.delivered).toEqual(['a', 'b']);
    expect(client.outcomes).toEqual(expect.arrayContaining(['bad unsendable', 'a acked', 'b acked']));
  });

  describe('sends the stand-ins of a message that cannot be sent in its place, in order', () => {
    const standInsFor = ({ id }: Message): readonly Message[] => (id === 'bad' ? [message('bad.1'), message('bad.2')] : []);
    const encode = (messages: readonly Message[]): string => {
      if (messages.some(({ id }) => id === 'bad' || id === 'bad.2')) throw new Error('it cannot be encoded');
      return JSON.stringify(messages);
    };
    const codec: SessionCodec = { ...OPTIONS.codecs[0]!, encode };
    const outcomes = ['a acked', 'bad unsendable', 'bad.1 acked', 'bad.2 unsendable', 'b acked', 'c acked'];

    it.each([8, 1])('with a window of %d', (window) => {
      const [client, server] = [clientSide({ codecs: [codec], standInsFor }), serverSide({ window })];
      open(client, server);
      client.send('a', 'bad', 'b', 'c');
      exchange(client, server);
      expect(server.delivered).toEqual(['a', 'bad.1', 'b', 'c']);
      expect([...client.outcomes].sort()).toEqual([...outcomes].sort());
      expect(isDrained(client.core)).toBe(true);
    });

    it('with an asynchronous codec', () => {
      const [client, server] = [clientSide({ codecs: [asyncCodec(codec)], standInsFor }), serverSide()];
      open(client, server);
      client.send('a', 'bad', 'b', 'c');
      for (let turns = 0; turns < 20; turns++) {
        exchange(client, server);
        for (const effect of client.effects.splice(0)) answerCall(effect, client.now);
      }
      expect(server.delivered).toEqual(['a', 'bad.1', 'b', 'c']);
      expect([...client.outcomes].sort()).toEqual([...outcomes].sort());
    });

    it('over a later connection with lower limits', () => {
      const [client, server] = [clientSide({ standInsFor, delivery: 'at-least-once' }), serverSide({ maxFrame: 1_000 })];
      open(client, serverSide());
      client.core.send(message('bad', { payload: 'x'.repeat(2_000) }));
      client.send('b').frames();
      open(client, server);
      exchange(client, server);
      expect(server.delivered).toEqual(['bad.1', 'bad.2', 'b']);
    });
  });

  it('encodes batches again, under their numbers, for a server with lower limits', () => {
    const [client, server] = [clientSide({ maxQueued: 100 }), serverSide()];
    open(client, server);
    client.core.send(message('a', { payload: 'x'.repeat(300) }));
    client.core.send(message('b', { payload: 'x'.repeat(300) }));
    client.send('c').frames();
    client.core.closed();
    client.core.opened(0);
    const { n } = (JSON.parse(client.frames()[0] as string) as [string, { n: number; sid: string }])[1];
    const { sid } = JSON.parse(client.core.outgoing.isPaused ? '{}' : JSON.stringify({ sid: server.core.record?.sid })) as { sid: string };
    const fields = { n, sid, rt: 'r'.repeat(43), rx: 0, known: true, resumed: true, window: 8, bytes: 10_000, ping: 1_000, codec: 'test' };
    client.receive(JSON.stringify(['welcome', { ...fields, id: 'server', limits: { maxFrame: 500, maxBatch: 2 } }]));
    const frames = client.frames().map((frame) => (frame as string).replace('["ackmsg",0,8,0,0,', '["msg",').slice(0, 10));
    expect(frames).toEqual(['["msg",1,1', '["msg",2,1', '["msg",3,1']);
  });

  it('sets a batch aside that cannot be decoded three times, and reports it', () => {
    const broken: SessionCodec = {
      name: 'test',
      encode: (messages) => JSON.stringify(messages),
      decode() {
        throw new Error('it cannot be decoded');
      },
    };
    const [client, server] = [clientSide(), serverSide({ codecs: [broken] })];
    open(client, server);
    server.receive(...client.send('a').frames()).frames();
    expect(server.closed).toBe(4410);
    open(client, server);
    open(client, server);
    expect(server.seen.filter(({ kind }) => kind === 'close')).toHaveLength(2);
    const undecodable = server.seen.find(({ kind }) => kind === 'undecodable');
    if (undecodable?.kind !== 'undecodable') throw new Error('the batch was not set aside');
    const rejection = { kind: 'undecodable', code: 'ERR_DECODE', reason: 'it cannot be decoded' } as const;
    for (const number of undecodable.numbers) processed(server.core, number, undecodable.progress, 0, rejection);
    exchange(server, client);
    client.frames();
    expect(client.outcomes).toEqual(['a undecodable']);
  });

  it('closes when a rejection was lost, and tells it over the next connection', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.receive(...client.send('a').frames()).frames(true);
    const delivered = server.seen.find(({ kind }) => kind === 'message');
    if (delivered?.kind !== 'message') throw new Error('no message was delivered');
    processed(server.core, delivered.number, delivered.progress, 0, { kind: 'refused', code: 'ERR_TEST', reason: 'a test' });
    const [reject, ack] = server.frames();
    expect([reject, ack]).toEqual(['["reject",[[1,"refused","ERR_TEST","a test"]],0]', '["ack",1,8,0,1]']);
    client.receive(ack!).frames();
    expect(client.closed).toBe(4410);
    open(client, server);
    client.frames();
    expect(client.outcomes).toEqual(['a refused']);
  });

  it.each([
    ['an ack of a message that was not sent', '["ack",1,8]', 4400],
    ['an unknown frame', '["what"]', 4400],
    ['a text that is not JSON', 'what', 4400],
    ['a batch behind a missing one', '["msg",2,1,[]]', 4410],
    ['a ping that shows that a batch was lost', '["ping",1]', 4410],
    ['a batch of no message', '["msg",1,0,[]]', 4400],
    ['a skip far away', '["skip",[300]]', 4400],
    ['a second hello', '["hello",{}]', 4400],
    ['a bye that answers none', '["bye",0]', 4400],
    ['a frame above the limit', `["msg",1,1,"${'x'.repeat(10_000)}"]`, 4400],
  ])('closes for %s', (_, frame, code) => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.receive(frame).frames();
    expect(server.closed).toBe(code);
  });

  it('finds a silent peer by its checks, and pings it before', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    const frames: unknown[] = [];
    while (server.closed === undefined && server.now < 10_000) {
      server.now = server.core.timeout;
      server.core.tick(server.now);
      frames.push(...server.frames());
    }
    // The first ping measures the latency.
    expect(frames).toEqual(['["ping",0]', '["ping",0]', '["ping",0]']);
    expect([server.closed, server.now]).toEqual([4411, 2_500]);
  });

  it('closes when the handshake takes too long', () => {
    const client = clientSide();
    client.core.opened(0);
    client.frames();
    client.core.tick(500);
    client.frames();
    expect(client.closed).toBe(4408);
  });

  it('of a server still sends behind its bye what had no room in front of it', () => {
    const [client, server] = [clientSide({ window: 1 }), serverSide()];
    open(client, server);
    server.send('a', 'b').core.leave(700);
    const frames = server.frames();
    expect(frames.slice(1)).toEqual(['["bye",700]']);
    client.receive(...frames);
    exchange(client, server);
    expect(client.delivered).toEqual(['a', 'b']);
    expect([server.outcomes, server.core.hasLeft, isDrained(server.core)]).toEqual([['a acked', 'b acked'], true, true]);
  });

  it('of a server may begin when the client has confirmed a welcome', () => {
    const client = clientSide();
    client.core.opened(0);
    const handshake = new ServerHandshake(OPTIONS, 'wire-1');
    const hello = readHello(client.frames()[0]);
    const codec = handshake.codecFor(hello, undefined)!;
    client.receive(handshake.welcome(hello, codec, 0, 0, undefined));
    const server = serverSide({}, undefined, handshake);
    server.core.welcomeSent(hello, codec, 0);
    expect(server.frames()).toEqual([]);
    exchange(client.send('a'), server);
    expect([server.delivered, client.outcomes, client.core.peer]).toEqual([['a'], ['a acked'], 'wire-1']);
  });

  it('delivers a number that was skipped over an earlier connection: the store of the sender was rolled back', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.receive('["skip",[2]]').frames();
    open(client, server);
    client.send('a').frames();
    open(client, server);
    exchange(client.send('b'), server);
    expect([server.delivered, client.outcomes]).toEqual([
      ['a', 'b'],
      ['a acked', 'b acked'],
    ]);
  });

  it.each([
    ['in its batch', ['["msg",1,1,[{"id":"a"}]]', '["msg",2,3,[{"id":"b"},{"id":"c"},{"id":"d"}]]']],
    ['before its batch', ['["msg",1,2,[{"id":"a"},{"id":"b"}]]', '["msg",3,2,[{"id":"c"},{"id":"d"}]]']],
  ])('does not deliver a number that is skipped behind one that was processed before a restart: %s', (_, batches) => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.core.incoming.begin('', { done: 0, finished: [2] });
    server.receive('["skip",[3]]');
    for (const batch of batches) server.receive(batch).frames();
    expect(server.delivered).toEqual(['a', 'd']);
    expect(server.core.incoming.progress.done).toBe(4);
  });

  it('obeys the wait of a batch that was not processed at the last ack', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    const arrive = (number: number, wait: number): unknown =>
      server.receive(`["ackmsg",0,8,${wait},0,${number},1,[{"id":"${number}"}]]`, '["ping",0]').frames(true);
    arrive(1, 1);
    arrive(2, 250);
    processed(server.core, 1, server.core.incoming.progress, 1_000);
    expect(server.core.incoming.ackAt).toBe(1_020);
  });

  it('obeys the wait of a batch that was not decoded at the last ack', () => {
    const codecs = [asyncCodec()];
    const [client, server] = [clientSide(), serverSide({ codecs })];
    open(client, server);
    const arrive = (number: number, wait: number): unknown =>
      server.receive(`["ackmsg",0,8,${wait},0,${number},1,[{"id":"${number}"}]]`).frames(true);
    const decode = (id: string): unknown => {
      answerCall(server.effects.pop(), server.now, [message(id)]);
      return server.frames(true);
    };
    server.receive('["ping",0]');
    arrive(1, 1);
    decode('1');
    arrive(2, 250);
    decode('2');
    processed(server.core, 1, server.core.incoming.progress, 1_000);
    expect(server.core.incoming.ackAt).toBe(1_020);
  });

  it('skips a message that has expired while the other side had no room for its bytes', () => {
    const [client, server] = [clientSide(), serverSide({ bytes: 500 })];
    open(client, server);
    client.core.send(message('a', { payload: 'x'.repeat(300) }));
    const [first] = client.frames();
    client.core.send(message('b', { payload: 'x'.repeat(300), ttl: 100 }));
    expect(client.frames()).toEqual([]);
    client.now = 200;
    server.receive(first!);
    client.receive(...server.frames());
    expect(client.frames()).toEqual(['["skip",[2]]']);
    expect(client.outcomes).toEqual(['a acked', 'b expired']);
  });

  it.each(['["msg",1,1,[]]', '["ack",0,8]', '["ping",0]'])('refuses a frame before the hello: %s', (frame) => {
    const client = new Side(clientCore({}, new SessionStores({ hasOutbox: true, hasInbox: false, maxStored: 10 })));
    client.core.opened(0);
    expect(client.receive(frame).frames()).toEqual([]);
    expect(client.closed).toBe(4400);
  });

  it('keeps at most 10,000 messages in flight, whatever the other side grants', () => {
    const [client, server] = [clientSide({ window: 1_000_000, bytes: 1e9 }), serverSide({ maxQueued: 20_000 })];
    open(client, server);
    server.send(...Array.from({ length: 10_500 }, (_, index) => `${index}`)).frames();
    expect([server.core.outgoing.sent, server.core.outgoing.queued]).toEqual([10_000, 500]);
  });

  it('lets the other side delay an ack no longer than the application allows', () => {
    const [client, server] = [clientSide(), serverSide({ ackDelayOf: () => 39 })];
    open(client, server);
    server.core.outgoing.interest = { awaitsAcks: () => false, awaitsSteps: () => true };
    expect(server.send('a').frames()).toEqual([expect.stringMatching(/^\["ackmsg",0,8,1,0,1,1,/)]);
  });

  it('pings an idle peer only to measure the latency', () => {
    for (const measuresLatency of [true, false]) {
      const [client, server] = [clientSide(), serverSide({ measuresLatency })];
      open(client, server);
      server.now = server.core.timeout;
      server.core.tick(server.now);
      expect(server.frames()).toEqual(measuresLatency ? ['["ping",0]'] : []);
    }
  });

  it('counts the answer of a runtime to an idle ping as progress, also after a message', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    client.send('a');
    exchange(client, server);
    open(client, server);
    client.core.keepalive.ask();
    expect([client.frames(), client.core.outgoing.hasProgress]).toEqual([['["ping",0]'], false]);
    // The object of the server sleeps: its runtime does not know what is acked.
    client.receive('["ack",0,8]');
    expect(client.core.outgoing.hasProgress).toBe(true);
  });

  it('pings with 0 when all that it has sent is acked, so that an idle client always sends the same ping', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    const ping = (): unknown => {
      client.core.keepalive.isPingDue = true;
      return client.frames().at(-1);
    };
    client.send('a').frames();
    expect(ping()).toBe('["ping",1]');
    client.receive('["ack",1,8]');
    expect(ping()).toBe('["ping",0]');
  });

  it('of a server that does not check its client needs no timer after the handshake', () => {
    const [client, server] = [clientSide(), serverSide({ checksPeer: false })];
    open(client, server);
    expect([client.core.timeout < Infinity, server.core.timeout]).toEqual([true, Infinity]);
  });

  it('of a server takes many acks: its host counts the frames without effect', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.receive(...Array.from({ length: 3_000 }, () => '["ack",0,8]'));
    server.frames();
    expect(server.closed).toBeUndefined();
  });

  it('answers a bye when all messages of the server are processed', () => {
    const [client, server] = [clientSide(), serverSide()];
    open(client, server);
    server.send('a').core.leave(700);
    client.receive(...server.frames());
    expect(client.frames(true)).toEqual(['["ack",0,8]']);
    const delivered = client.seen.find(({ kind }) => kind === 'message');
    if (delivered?.kind !== 'message') throw new Error('no message was delivered');
    processed(client.core, delivered.number, delivered.progress, 0);
    expect(client.frames()).toEqual(['["ack",1,8]', '["bye",0]']);
    expect(client.core.returnAt).toBe(700);
  });

  it('refuses the hello of an older connection, and one without the token', () => {
    const [client, server] = [clientSide(), serverSide()];
    client.core.opened(0);
    const [hello] = client.frames();
    client.core.closed();
    open(client, server);
    const other = clientSide();
    const refused = [hello, stranger(other)].map((frame) => acceptance(server, frame as string));
    expect(refused).toEqual([4409, 4403]);
  });
});

/** Returns a hello with the `pid` of another client, and a higher `n`. */
function stranger(side: Side): string {
  for (let connection = 0; connection < 5; connection++) {
    side.core.opened(0);
    if (connection < 4) side.frames();
  }
  return side.frames()[0] as string;
}
function acceptance(server: Side<ServerCore>, hello: string): number | undefined {
  return server.core.accept(readHello(hello), 0);
}
