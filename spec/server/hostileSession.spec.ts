import { EMPTY, map, NEVER, Subject, timer, type Observable } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import type { RxwireError } from '../../lib/message/errors.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { serve, type ServeOptions } from '../../lib/server/serve.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { batchFrame } from '../support/protocol/frames.js';
import type { Wire } from '../../lib/wire/wire.js';
import { fakeInbox } from '../support/fakeInbox.js';
import type { ClaimedInbox } from '../../lib/stores/inbox.js';
import { rawEnd, type RawEnd } from '../support/rawEnd.js';
import { record } from '../support/record.js';
import { seeded } from '../support/seeded.js';
import { batch, fieldsOf, helloFrame, secret } from '../support/sessionFrames.js';
import { eventually } from '../support/eventually.js';

type Handler = (message: Message) => Observable<unknown>;

/** A server, and what it is told by those who do not keep to the rules. What a wire gets, `handler` processes. */
function start(options: ServeOptions = {}, handler: Handler = () => EMPTY) {
  const links$ = new Subject<Link<Frame>>();
  const refused: RxwireError[] = [];
  const got: string[] = [];
  const codes: string[] = [];
  let live = 0;
  const serveOne = (wire: Wire): void => {
    live++;
    wire.errors$.subscribe(({ code }) => codes.push(code));
    const handle = (message: Message): Observable<unknown> => {
      got.push(message.id);
      return handler(message);
    };
    wire.pipe(consume(handle, { concurrency: 10_000 })).subscribe({ complete: () => live-- });
  };
  const running = serve(links$, { ...options, onRefused: (error) => refused.push(error) }).subscribe(serveOne);

  const dial = (): RawEnd => {
    const [end, link] = rawEnd();
    links$.next(link);
    return end;
  };
  /** A client that is welcome, and has shown that it knows. */
  const enter = async (fields: object = {}) => {
    const end = dial();
    end.send(helloFrame(fields));
    const [frame] = await end.frames.take(1);
    end.send('["ack",0,1024]');
    await end.frames.take(2);
    return { ...end, welcome: fieldsOf(frame) };
  };
  return { dial, enter, refused, got, codes, live: () => live, stop: () => running.unsubscribe() };
}

describe('a client that speaks the session, and breaks its rules', () => {
  let server: ReturnType<typeof start>;
  const begin = (...setup: Parameters<typeof start>) => (server = start(...setup));
  afterEach(() => server.stop());

  describe('is closed with 4400, and nothing of it is delivered', () => {
    it.each<readonly [what: string, frame: Frame]>([
      ['skips more than a batch has', `["skip",[${Array.from({ length: 257 }, (_, index) => index + 1).join()}]]`],
      ['skips no list', '["skip",{"length":1,"0":1}]'],
      ['sends half a header', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 1, 0)],
      ['sends bytes of another kind', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x90)],
      ['says hello again', helloFrame()],
      ['welcomes the server', '["welcome",{}]'],
      ['sends a frame of an unknown kind', '["bye"]'],
      ['calls a frame __proto__', '["__proto__",1]'],
      ['sends an object', '{"__proto__":{"kind":"ack"},"0":"ack"}'],
      ['sends a frame that nests 100,000 deep', `["ack",${'['.repeat(100_000)}${']'.repeat(100_000)}]`],
      ['sends nothing at all', ''],
    ])('%s', async (_, frame) => {
      const { enter, got, codes, live } = begin();
      const { send, code } = await enter();
      send(frame, batch(1, 'late'));
      expect(await code).toBe(4400);
      expect([codes, got, live()]).toEqual([['ERR_PROTOCOL', 'ERR_CONNECTION_LOST'], [], 0]);
      expect(({} as { kind?: string }).kind).toBeUndefined();
    });

    it('sends a frame above the limit', async () => {
      const { enter, got, codes } = begin({ maxFrame: 1_000 });
      const { send, code } = await enter();
      send(batch(1, 'x'.repeat(1_000)));
      expect(await code).toBe(4400);
      expect([codes, got]).toEqual([['ERR_FRAME_TOO_LARGE', 'ERR_CONNECTION_LOST'], []]);
    });

    it('sends messages before it is welcome', async () => {
      const inbox = { ...fakeInbox(), claim: () => timer(20).pipe(map(() => ({ record: undefined, lease: undefined }))) };
      const { dial, got, refused } = begin({ inbox });
      const { send, code, frames } = dial();
      send(helloFrame(), batch(1, 'early'));
      expect(await code).toBe(4400);
      expect([refused.map((error) => error.code), got, frames.values]).toEqual([['ERR_PROTOCOL'], [], []]);
    });

    it.each([
      ['of another version', { v: 2 }],
      ['without a name', { pid: undefined }],
      ['whose epoch is no number', { epoch: '1' }],
      ['whose window is nothing', { window: 0 }],
      ['with a level that does not exist', { delivery: 'thrice' }],
      ['whose name is no name', { id: '<script>' }],
      ['with a token that is none', { sid: secret(), rt: '__proto__' }],
    ])('says a hello %s', async (_, fields) => {
      const { dial, refused, live } = begin();
      const { send, code } = dial();
      send(helloFrame(fields));
      expect(await code).toBe(4400);
      expect([refused.map((error) => error.code), live()]).toEqual([['ERR_PROTOCOL'], 0]);
    });

    it('sends messages instead of a hello', async () => {
      const { dial, refused } = begin();
      const { send, code } = dial();
      send(batch(1, 'a'));
      expect(await code).toBe(4400);
      expect(refused).toHaveLength(1);
    });
  });

  describe('about its numbers', () => {
    it('omits some numbers: closed with 4410, and can reconnect and send them', async () => {
      const { enter, got, codes } = begin();
      const pid = secret();
      const { send, code, welcome } = await enter({ pid });
      send(batch(1, 'a'), batch(3, 'c'));
      expect(await code).toBe(4410);
      const again = await enter({ pid, n: 2, sid: welcome['sid'], rt: welcome['rt'], rx: 0 });
      expect(again.welcome).toMatchObject({ rx: 1, known: true });
      again.send(batch(1, 'a'), batch(2, 'b', 'c'));
      await again.frames.take(3);
      expect([got, codes]).toEqual([['a', 'b', 'c'], ['ERR_CONNECTION_LOST']]);
    });

    it.each([
      ['other than it announces', '["msg",1,2,[]]'],
      ['that are no messages', '["msg",1,1,{"id":"a"}]'],
      ['that are no JSON', '["msg",1,1,{]'],
      ['of another codec', batchFrame(1, 1, msgpack().encode([createMessage('test.any', null)]))],
    ])('sends messages %s: closed with 4410, and at the third time set aside', async (_, frame) => {
      const { enter, got, live } = begin();
      const pid = secret();
      const ends: unknown[] = [];
      let ticket = {};
      for (const n of [1, 2]) {
        const { send, code, welcome } = await enter({ pid, n, ...ticket });
        ticket = { sid: welcome['sid'], rt: welcome['rt'], rx: 0 };
        send(frame);
        ends.push(await code);
      }
      const { send, frames } = await enter({ pid, n: 3, ...ticket });
      const next = frame === '["msg",1,2,[]]' ? 3 : 2;
      send(frame, batch(next, 'late'));
      const [rejected] = (await frames.take(3)).slice(2);
      expect(JSON.parse(rejected as string)).toEqual([
        'reject',
        Array.from({ length: next - 1 }, (_one, index): unknown => expect.arrayContaining([1 + index, 'undecodable'])),
        0,
      ]);
      await eventually(() => expect(got).toEqual(['late']));
      expect([ends, live()]).toEqual([[4410, 4410], 1]);
    });

    it('sends undecodable frames without numbers: dropped, and closed with 4400 after the third', async () => {
      const { enter, codes } = begin();
      const { send, code } = await enter();
      for (let times = 0; times < 3; times++) send('["msg",0,1,{}]');
      expect(await code).toBe(4400);
      expect(codes).toEqual([...Array.from({ length: 3 }, () => 'ERR_INVALID_MESSAGE'), 'ERR_CONNECTION_LOST']);
    });
  });

  describe('takes no notice of the window', () => {
    it('of messages: closed with 4400', async () => {
      const { enter, got, codes } = begin({ window: 4 }, () => NEVER);
      const { send, code } = await enter();
      send(batch(1, 'a', 'b', 'c', 'd'), batch(5, 'e'));
      expect(await code).toBe(4400);
      expect(got).toEqual(['a', 'b', 'c', 'd']);
      expect(codes).toContain('ERR_PROTOCOL');
    });

    it('of bytes: closed with 4400', async () => {
      const { enter, got, codes } = begin({ windowBytes: 200 }, () => NEVER);
      const { send, code } = await enter();
      send(batch(1, 'a'), batch(2, 'b'), batch(3, 'c'));
      expect(await code).toBe(4400);
      expect(got).toEqual(['a', 'b']);
      expect(codes).toContain('ERR_PROTOCOL');
    });

    it('but may send one batch that is larger, alone', async () => {
      const { enter, got } = begin({ window: 1, windowBytes: 1 });
      const { send, frames } = await enter();
      send(batch(1, 'a', 'b', 'c'));
      await frames.take(3);
      send(batch(4, 'd', 'e'));
      await frames.take(4);
      expect(got).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    it('by skipping, while nothing of that is stored: closed with 4400', async () => {
      const inbox = { ...fakeInbox(), commit: () => NEVER };
      const { enter } = begin({ inbox, window: 8 });
      const { send, code } = await enter();
      const from = (first: number): string => `["skip",[${Array.from({ length: 256 }, (_, index) => first + index).join()}]]`;
      send(from(1), from(257));
      expect(await code).toBe(4400);
    });

    it('by granting one without an end: no more is on its way to it than the outbox takes', async () => {
      const wires$ = new Subject<Wire>();
      const wires = record(wires$);
      const links$ = new Subject<Link<Frame>>();
      const running = serve(links$, { maxQueued: 30_000 }).subscribe(wires$);
      const [end, link] = rawEnd();
      links$.next(link);
      end.send(helloFrame({ window: 2 ** 52, bytes: 2 ** 52 }));
      await end.frames.take(1);
      end.send('["ack",0,4503599627370496]');
      const [wire] = await wires.take(1);
      for (let index = 0; index < 20_000; index++) wire!.next(createMessage('test.any', null));
      // The welcome, an ack, and 10,000 messages in batches of 64.
      await end.frames.take(159);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(end.frames.values).toHaveLength(159);
      expect(end.frames.values.at(-1)).toMatch(/^\["msg",9985,16,/);
      running.unsubscribe();
    });
  });

  describe('is another principal', () => {
    it.each([
      ['of an older owner', { epoch: 1, n: 9 }, 4409],
      ['that was there before', { epoch: 2, n: 1 }, 4409],
      ['without a token', { epoch: 2, n: 2 }, 4403],
      ['with a token of its own making', { epoch: 2, n: 2, sid: secret(), rt: secret() }, 4403],
      ['of a newer owner, without a token', { epoch: 3, n: 1 }, 4403],
    ])('sends a hello %s: refused, and the client continues', async (_, fields, expected) => {
      const { dial, enter, got, refused } = begin();
      const pid = secret();
      const client = await enter({ pid, epoch: 2, n: 1 });
      client.send(batch(1, 'a'));
      const thief = dial();
      thief.send(helloFrame({ pid, ...fields }));
      expect(await thief.code).toBe(expected);
      client.send(batch(2, 'b'));
      await client.frames.take(4);
      expect(got).toEqual(['a', 'b']);
      expect(refused.map(({ code }) => code)).toEqual(['ERR_UNSUPPORTED']);
    });

    it('shows a token that was used already: refused', async () => {
      const { dial, enter } = begin();
      const pid = secret();
      const { rt: stolen, sid } = (await enter({ pid })).welcome;
      await enter({ pid, n: 2, sid, rt: stolen, rx: 0 });
      const thief = dial();
      thief.send(helloFrame({ pid, n: 3, sid, rt: stolen, rx: 0 }));
      expect(await thief.code).toBe(4403);
    });

    it('shows the token, but not the session: it is known, and its session is another', async () => {
      const { enter } = begin();
      const pid = secret();
      const { rt, sid } = (await enter({ pid })).welcome;
      const { welcome } = await enter({ pid, n: 2, sid: secret(), rt, rx: 0 });
      expect(welcome).toMatchObject({ known: true, resumed: false });
      expect(welcome['sid']).not.toBe(sid);
    });

    it('has stolen the stored data of the server, which opens no session', async () => {
      const inbox = fakeInbox();
      const { enter, dial } = begin({ inbox });
      const pid = secret();
      const { rt, sid } = (await enter({ pid })).welcome;
      const session = () => (inbox.claim(pid, () => undefined) as ClaimedInbox).record?.session;
      await eventually(() => expect(session()).toBeDefined());
      expect(JSON.stringify(session())).not.toContain(rt);
      const { token } = session() as { readonly token: string };
      const thief = dial();
      thief.send(helloFrame({ pid, n: 2, sid, rt: token }));
      expect(await thief.code).toBe(4403);
    });

    it('connects while the server still authenticates an earlier hello: closed with 1013', async () => {
      const found$ = new Subject<ClaimedInbox>();
      const { dial } = begin({ inbox: { ...fakeInbox(), claim: () => found$ } });
      const pid = secret();
      const [first, second] = [dial(), dial()];
      first.send(helloFrame({ pid }));
      second.send(helloFrame({ pid, n: 2 }));
      expect(await second.code).toBe(1013);
      found$.next({ record: undefined, lease: undefined });
      await first.frames.take(1);
    });
  });

  it('offers codecs that the server has not: closed with 1003', async () => {
    const { dial } = begin();
    const { send, code } = dial();
    send(helloFrame({ codecs: ['xml', '__proto__', 'constructor'] }));
    expect(await code).toBe(1003);
  });

  it('takes the welcome, and says nothing: closed with 4408', async () => {
    const { dial } = begin({ handshakeTimeout: 20 });
    const { send, code } = dial();
    send(helloFrame());
    expect(await code).toBe(4408);
  });

  it('falls silent: closed with 4411', async () => {
    const { enter } = begin({ pingInterval: 20 });
    const { code, frames } = await enter();
    expect(await code).toBe(4411);
    expect(frames.values.slice(-2)).toEqual(['["ping",0]', '["ping",0]']);
  });

  it('sends 500 frames that are nearly good: nothing crashes, nothing is left', async () => {
    const random = seeded(20_261_125);
    const { enter, live, got } = begin({ maxDetached: 0, pingInterval: 1_000_000 });
    const ends: unknown[] = [];
    for (let sent = 0; sent < 500;) {
      const isBinary = random() < 0.5;
      const { send, close, code, frames } = await enter({ codecs: [isBinary ? 'msgpack' : 'json'] });
      for (let here = 0; here < 3 && !frames.isOver(); here++, sent++) {
        send(mutated(isBinary, random));
        await Promise.resolve();
        await Promise.resolve();
      }
      close(random() < 0.5 ? 4000 : undefined);
      ends.push(await code);
    }
    await eventually(() => expect(live()).toBe(0));
    expect(new Set(ends)).toEqual(new Set([1000, 4000, 4400, 4410]));
    expect(got.length).toBeGreaterThan(50);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();

    const { send, frames } = await enter();
    send(batch(1, 'alive'));
    await frames.take(3);
    expect(got.at(-1)).toBe('alive');
  }, 60_000);
});

const NUMBERS = ['-1', '0', '1.5', '1e300', '4503599627370497', '9007199254740993', 'null', '"1"', '[]', '{"__proto__":{"polluted":1}}'];

/** A good frame in which something has changed: numbers, bytes, or its length. */
function mutated(isBinary: boolean, random: () => number): Frame {
  const pick = (below: number): number => Math.floor(random() * below);
  const messages = Array.from({ length: 1 + pick(3) }, (_, index) =>
    createMessage('test.any', { list: [1, { deep: [['€']] }] }, { id: String(index), headers: { a: 'b' } }),
  );
  const body = (isBinary ? msgpack() : json()).encode(messages);
  const good: readonly Frame[] = [
    '["ack",0,1024]',
    '["ping",0]',
    '["skip",[1,2]]',
    helloFrame(),
    batchFrame(pick(2), messages.length, body),
  ];
  const frame = good[random() < 0.6 ? 4 : pick(4)] as Frame;
  if (typeof frame === 'string' && random() < 0.3)
    return frame.replace(/\d+/g, (digits) => (random() < 0.3 ? NUMBERS[pick(NUMBERS.length)]! : digits));
  const bytes = Buffer.from(frame);
  for (let change = pick(6); change > 0; change--) bytes[pick(bytes.length)] = pick(256);
  const cut = bytes.subarray(0, random() < 0.2 ? pick(bytes.length) : bytes.length);
  return typeof frame === 'string' ? cut.toString() : new Uint8Array(cut);
}
