import { NEVER } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import type { ConnectionLostError } from '../../../lib/message/errors.js';
import type { Frame } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { batchFrame } from '../../support/protocol/frames.js';
import type { Inbox } from '../../../lib/stores/inbox.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { connect, type ConnectOptions } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { open } from '../../support/rawEnd.js';
import { record } from '../../support/record.js';
import { seeded } from '../../support/seeded.js';
import { batch, fieldsOf, secret, welcomeFrame } from '../../support/sessionFrames.js';

/** A client, and a server by hand. */
function start(options: Partial<ConnectOptions> = {}) {
  const [link, theirs] = memoryLink<Frame>();
  const wire = connect({ reconnect: { initialInterval: 1, maxInterval: 1 }, id: 'victim', ...options, link });
  const got: string[] = [];
  const { ended } = record(wire);
  wire.subscribe({ next: ({ id }) => got.push(id), error: () => undefined });
  const codes: string[] = [];
  wire.errors$.subscribe(({ code }) => codes.push(code));
  /** The next connection, once its hello has come. */
  const accept = async () => {
    const end = open(theirs);
    const [hello] = await end.frames.take(1);
    return { ...end, hello: fieldsOf(hello) };
  };
  /** The next connection, once both sides have agreed. */
  const enter = async (fields: object = {}) => {
    const end = await accept();
    end.send(welcomeFrame({ n: end.hello['n'], ...fields }), '["ack",0,1024]');
    await end.frames.take(2);
    return end;
  };
  return { wire, got, codes, accept, enter, ended };
}

const closed = (closeCode: number): unknown => expect.objectContaining({ code: 'ERR_CONNECTION_LOST', closeCode });
const message = (id: string) => createMessage('test.any', null, { id });

describe('a server that speaks the session, and breaks its rules', () => {
  const wires: Wire[] = [];
  const begin = (options?: Partial<ConnectOptions>) => {
    const client = start(options);
    wires.push(client.wire);
    return client;
  };
  afterEach(() => wires.splice(0).forEach((wire) => wire.unsubscribe()));

  describe('is closed with 4400, and the wire ends', () => {
    it.each<readonly [what: string, frame: Frame]>([
      ['acks what was never sent', '["ack",1,1024]'],
      ['acks no number', '["ack",null,1024]'],
      ['gives a credit past all numbers', '["ack",0,9007199254740992]'],
      ['skips what is far beyond the window', '["skip",[1025]]'],
      ['sends a batch of too many', '["msg",1,257,[]]'],
      ['sends half a header', Uint8Array.of(1, 0, 0)],
      ['welcomes again', welcomeFrame()],
      ['says a hello', '["hello",{}]'],
      ['calls a frame constructor', '["constructor",{}]'],
      ['sends a frame that nests 100,000 deep', `["ping",${'['.repeat(100_000)}${']'.repeat(100_000)}]`],
    ])('%s', async (_, frame) => {
      const { enter, ended, got, codes } = begin();
      const { send, code } = await enter();
      send(frame, batch(1, 'late'));
      expect(await code).toBe(4400);
      expect(await ended).toEqual(closed(4400));
      expect([got, codes[0]]).toEqual([[], 'ERR_PROTOCOL']);
    });

    it.each([
      ['for another hello', { n: 7 }],
      ['with a codec that was not offered', { codec: 'msgpack' }],
      ['with an interval that no timer can keep', { ping: 2 ** 31 }],
      ['with a window below nothing', { window: -1 }],
      ['with a token that anybody could guess', { rt: 'a' }],
      ['that goes on with a session there never was', { known: true, resumed: true }],
    ])('sends a welcome %s', async (_, fields) => {
      const { accept, ended, codes } = begin();
      const { send, code } = await accept();
      send(welcomeFrame(fields));
      expect(await code).toBe(4400);
      expect(await ended).toEqual(closed(4400));
      expect(codes[0]).toBe('ERR_PROTOCOL');
    });

    it('continues another session than the requested one', async () => {
      const { enter, accept, ended } = begin();
      const first = await enter();
      first.close(4000);
      const { send, hello } = await accept();
      send(welcomeFrame({ n: hello['n'], known: true, resumed: true, sid: secret() }));
      expect(await ended).toEqual(closed(4400));
    });

    it('sends messages before the welcome', async () => {
      const { accept, ended, got } = begin();
      const { send } = await accept();
      send(batch(1, 'early'));
      expect(await ended).toEqual(closed(4400));
      expect(got).toEqual([]);
    });

    it('sends more than the window', async () => {
      const commit: Inbox['commit'] = (_, { done }) => (done > 0 ? NEVER : undefined);
      const inbox: Inbox = { ...fakeInbox(), commit };
      const { enter, ended } = begin({ windowBytes: 200, inbox });
      const { send } = await enter();
      send(batch(1, 'a'), batch(2, 'b'), batch(3, 'c'));
      expect(await ended).toEqual(closed(4400));
    });
  });

  it('omits numbers: another connection must deliver them', async () => {
    const { enter, got } = begin();
    const { send, code, hello } = await enter();
    send(batch(1, 'a'), batch(3, 'c'));
    expect(await code).toBe(4410);
    const again = await enter();
    expect(again.hello).toMatchObject({ pid: hello['pid'], n: 2, rx: 1 });
    expect(got).toEqual(['a']);
  });

  it('sends a batch that cannot be decoded, again and again: set aside at the third time, and later ones arrive', async () => {
    const { enter, got, codes, ended } = begin();
    for (let times = 0; times < 2; times++) (await enter()).send('["msg",1,1,{}]');
    const { send, frames } = await enter();
    send('["msg",1,1,{}]', batch(2, 'b'));
    // The third connection in a row begins with a ping.
    await frames.take(4);
    expect(got).toEqual(['b']);
    expect(codes.filter((code) => code === 'ERR_INVALID_MESSAGE')).toHaveLength(3);
    expect(frames.values.slice(1)).toContainEqual(expect.stringMatching(/^\["ack",2,1024,\d+,1\]$/));
    void ended;
  });

  it('grants no credit: one batch goes out, here a skip of one number, and the others wait, up to the limit', async () => {
    const { enter, wire, codes } = begin({ maxQueued: 10 });
    const { send, frames } = await enter({ window: 1 });
    send('["ack",0,0]');
    for (let index = 0; index < 1_000; index++) wire.next(message(String(index)));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(frames.values.slice(2)).toEqual(['["skip",[1]]']);
    expect(codes.filter((code) => code === 'ERR_DROPPED')).toHaveLength(990);
    send('["ack",1,0]');
    expect((await frames.take(4))[3]).toBe('["skip",[2]]');
  });

  it('claims to have accepted unsent messages: that is no ack, and numbers continue after it', async () => {
    const { enter, wire } = begin();
    const receipts = record(wire.receipts$);
    const { send, frames } = await enter({ rx: 1_000_000, known: true });
    wire.next(message('a'));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(frames.values).toHaveLength(2);
    send('["ack",1000000,1024]');
    expect((await frames.take(3))[2]).toMatch(/^\["msg",1000001,1,/);
    expect(receipts.values.map(({ status }) => status)).toEqual(['queued', 'sent']);
  });

  it('revokes its acks: exactly-once messages in flight are in doubt, and all others are sent', async () => {
    const { enter, wire, codes } = begin({ delivery: 'exactly-once' });
    const first = await enter();
    wire.next(message('a'));
    await first.frames.take(3);
    first.send('["ack",1,1024]');
    wire.next(message('b'));
    await first.frames.take(4);
    first.close(4000);
    const second = await enter({ rx: 0, known: true });
    wire.next(message('c'));
    expect((await second.frames.take(3))[2]).toMatch(/^\["ackmsg",0,1024,1,0,1,1,.*"id":"c"/);
    expect(codes).toContain('ERR_IN_DOUBT');
  });

  it('closes at once, each time: it is not hammered', async () => {
    const [link, theirs] = memoryLink<Frame>();
    const wire = connect({ link });
    wires.push(wire);
    let opened = 0;
    const until = Date.now() + 300;
    while (Date.now() < until) {
      const end = open(theirs);
      await Promise.race([end.frames.take(1), new Promise((resolve) => setTimeout(resolve, until - Date.now()))]);
      if (end.frames.values.length > 0) opened++;
      end.close(4410);
    }
    expect(opened).toBeLessThan(10);
  });

  it('sends 500 frames that are nearly good: nothing crashes', async () => {
    const random = seeded(4_711);
    const codes = new Set<unknown>();
    for (let sent = 0; sent < 500;) {
      const { enter, wire, ended } = start({ reconnect: false });
      const { send, frames } = await enter();
      for (let here = 0; here < 2 && !frames.isOver(); here++, sent++) {
        send(mutated(random));
        await Promise.resolve();
        await Promise.resolve();
      }
      codes.add(frames.isOver() ? ((await ended) as ConnectionLostError).closeCode : 'alive');
      wire.unsubscribe();
    }
    expect(codes).toEqual(new Set(['alive', 4400, 4410]));
  }, 60_000);
});

/** A good frame in which some characters have changed, or are missing. */
function mutated(random: () => number): string {
  const pick = (below: number): number => Math.floor(random() * below);
  const body = json().encode([message('a')]);
  const good = ['["ack",0,1024]', '["ping",0]', '["skip",[1]]', welcomeFrame(), batchFrame(pick(2), 1, body)];
  const bytes = Buffer.from(good[pick(good.length)] as string);
  for (let change = pick(4); change > 0; change--) bytes[pick(bytes.length)] = 32 + pick(95);
  return bytes.subarray(0, random() < 0.2 ? pick(bytes.length) : bytes.length).toString();
}
