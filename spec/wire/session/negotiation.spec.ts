import { map, of, Subject } from 'rxjs';
import type { Codec } from '../../../lib/codec/codec.js';
import { gzipped } from '../../../lib/codec/gzipped.js';
import { json } from '../../../lib/codec/json.js';
import { keyring } from '../../../lib/codec/keyring.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { webCipher } from '../../../lib/codec/seal/cipher.js';
import { sealed, sealedWith } from '../../../lib/codec/sealed.js';
import type { RxwireError } from '../../../lib/message/errors.js';
import type { Frame } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { serve } from '../../../lib/server/serve.js';
import { session } from '../../../lib/wire/session/session.js';
import type { OutboxStore } from '../../../lib/stores/outboxStore.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { envelopeProtocol } from '../../../lib/wire/envelope/envelopeProtocol.js';
import { connect } from '../../../lib/wire/connect.js';
import { fakeInbox } from '../../support/fakeInbox.js';
import { record } from '../../support/record.js';
import { network, pair, type PairOptions } from '../../support/sessionPair.js';
import { fieldsOf } from '../../support/sessionFrames.js';
import { open } from '../../support/rawEnd.js';
import { fakeStorage, type FakeStorage } from '../../stores/fakeStorage.js';

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });
const message = (id: string): Message => createMessage('test.any', null, { id });
const ids = (messages: readonly Message[]): readonly string[] => messages.map(({ id }) => id);
const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

/** Counts what a codec is used for. */
function counted(codec: Codec) {
  const used = { encoded: 0, decoded: 0 };
  const counting: Codec = {
    ...codec,
    encode: (...given) => (used.encoded++, codec.encode(...given)),
    decode: (...given) => (used.decoded++, codec.decode(...given)),
  };
  return [counting, used] as const;
}

function connected({ client = {}, server = {} }: PairOptions = {}) {
  const got$ = new Subject<Message>();
  const refused: RxwireError[] = [];
  const both = pair({
    client,
    server: { onRefused: (error) => refused.push(error), ...server },
    onServerWire: (wire) => void wire.subscribe((one) => got$.next(one)),
  });
  cleanups.push(both.close);
  return { ...both, got: record(got$), refused };
}

it('a client of another version of the protocol learns both versions', async () => {
  const [near, far] = memoryLink<Frame>();
  const server = serve(of(far)).subscribe();
  cleanups.push(() => server.unsubscribe());
  const later = (frame: Frame): Frame => String(frame).replace('"v":1', '"v":2');
  const wire = connect({ link: (outgoing) => near(outgoing.pipe(map(later))) });
  expect(await record(wire).ended).toMatchObject({
    code: 'ERR_CONNECTION_LOST',
    closeCode: 4400,
    text: 'the connection ended (4400): the server speaks version 1 of the protocol, the client version 2',
  });
});

describe('a client that knows several codecs', () => {
  it.each([
    { offered: ['json', 'msgpack'], known: ['msgpack', 'json'], agreed: 'json' },
    { offered: ['msgpack', 'json'], known: ['json', 'msgpack'], agreed: 'msgpack' },
    { offered: ['json+gzip', 'json'], known: ['msgpack', 'json'], agreed: 'json' },
    { offered: ['msgpack'], known: ['json', 'msgpack'], agreed: 'msgpack' },
  ])('uses $agreed, when it offers $offered to a server with $known', async ({ offered, known, agreed }) => {
    const codecs = [json(), msgpack(), gzipped(json())].map(counted);
    const named = (names: readonly string[]): readonly Codec[] => names.map((name) => codecs.find(([codec]) => codec.name === name)![0]);
    const { wire, got, serverWire } = connected({ client: { codec: named(offered) }, server: { codecs: named(known) } });
    const back = record(wire);
    wire.next(message('a'));
    await got.take(1);
    (await serverWire()).next(message('b'));
    expect(ids(await back.take(1))).toEqual(['b']);
    expect(codecs.filter(([, { encoded, decoded }]) => encoded + decoded > 0).map(([{ name }]) => name)).toEqual([agreed]);
  });

  it('agrees on a sealed one', async () => {
    const codec = [sealed(gzipped(msgpack()), keys), sealed(msgpack(), keys)];
    const { wire, got } = connected({ client: { codec }, server: { codecs: [sealed(msgpack(), keys), sealed(json(), keys)] } });
    wire.next(message('a'));
    expect(ids(await got.take(1))).toEqual(['a']);
  });

  it('ends with 1003 when there is none that both know, and does not try again', async () => {
    const { wire, opened, refused } = connected({ client: { codec: [msgpack(), gzipped(json())] }, server: { codecs: [json()] } });
    expect(await record(wire).ended).toMatchObject({
      code: 'ERR_CONNECTION_LOST',
      closeCode: 1003,
      reason: 'client and server have no codec in common',
    });
    expect(opened()).toBe(1);
    expect(refused.map(({ code }) => code)).toEqual(['ERR_UNSUPPORTED']);
  });

  it.each([
    ['open', () => json(), () => sealed(json(), keys)],
    ['sealed', () => sealed(json(), keys), () => json()],
  ])('never falls back to the other kind, when it offers what is %s', async (_, mine, theirs) => {
    const { wire } = connected({ client: { codec: mine() }, server: { codecs: [theirs()] } });
    expect(await record(wire).ended).toMatchObject({ closeCode: 1003 });
  });

  it('offers the one that it speaks first, from then on', async () => {
    const [link, theirs] = memoryLink<Frame>();
    const wire = connect({ link, codec: [msgpack(), json()], reconnect: { initialInterval: 1, maxInterval: 1 } });
    cleanups.push(() => wire.unsubscribe());
    const helloOf = async (end: ReturnType<typeof open>) => fieldsOf((await end.frames.take(1))[0]);
    const first = open(theirs);
    const { codecs, n } = await helloOf(first);
    const fields = { n, sid: 's'.repeat(22), rt: 'r'.repeat(43), rx: 0, window: 9, bytes: 9, ping: 9_999, codec: 'json', id: 'server' };
    first.send(JSON.stringify(['welcome', fields]));
    await first.frames.take(2);
    first.close(4410);
    expect([codecs, (await helloOf(open(theirs)))['codecs']]).toEqual([
      ['msgpack', 'json'],
      ['json', 'msgpack'],
    ]);
  });

  it('speaks the first of them over envelopes, where nothing is agreed', async () => {
    const { wire, got } = connected({ client: { codec: [msgpack(), json()], protocol: envelopeProtocol } });
    wire.next(message('a'));
    expect(ids(await got.take(1))).toEqual(['a']);
  });
});

describe('codecs that cannot be a choice', () => {
  const lists: readonly (readonly [string, readonly Codec[]])[] = [
    ['none', []],
    ['a name twice', [json(), json({ maxBatch: 1 })]],
    ['sealed ones and open ones', [sealed(msgpack(), keys), json()]],
    ['open ones and sealed ones', [json(), msgpack(), sealed(msgpack(), keys)]],
    ['more than a hello may offer', Array.from({ length: 17 }, (_, index) => ({ ...json(), name: `json${index}` }))],
  ];

  it.each(lists)('are refused when called: %s', (_, codecs) => {
    const [link] = memoryLink<Frame>();
    expect(() => session(codecs)).toThrow(TypeError);
    expect(() => connect({ link, codec: codecs })).toThrow(TypeError);
    expect(() => serve(new Subject(), { codecs })).toThrow(TypeError);
  });
});

describe('stored messages of another codec', () => {
  const outboxIn = (storage: FakeStorage, name = 'out'): OutboxStore => webStorageOutbox(name, { storage, locks: false });
  const hasStored = async (storage: FakeStorage, text: RegExp): Promise<void> => {
    while (!text.test([...storage.items.values()].join())) await new Promise(setImmediate);
  };

  /** Leaves messages in an outbox, unsent, as if a process had died that had never reached a server. */
  async function leave(storage: FakeStorage, codec: Codec, delivery: 'at-least-once' | 'exactly-once'): Promise<void> {
    const net = network();
    net.down();
    const wire = net.connect({ outbox: outboxIn(storage), codec, delivery });
    wire.next(message('a'));
    while (![...storage.items.keys()].some((key) => /\D1$/.test(key))) await new Promise(setImmediate);
    wire.unsubscribe();
  }

  it.each<[string, Codec, Codec]>([
    ['json, for a server of msgpack', json(), msgpack()],
    ['msgpack, for a server of json', msgpack(), json()],
    ['sealed msgpack, for a server of sealed json', sealed(msgpack(), keys), sealed(json(), keys)],
    ['what takes its time', sealedWith(webCipher()!, msgpack(), keys), sealedWith(webCipher()!, json(), keys)],
  ])('is written anew: %s', async (_, before, now) => {
    const storage = fakeStorage();
    await leave(storage, before, 'exactly-once');
    const { wire, got } = connected({
      client: { outbox: outboxIn(storage), codec: [now, before], delivery: 'exactly-once' },
      server: { codecs: [now] },
    });
    wire.next(message('b'));
    expect(ids(await got.take(2))).toEqual(['a', 'b']);
  });

  it('are sent unchanged to a server that can decode them', async () => {
    const storage = fakeStorage();
    await leave(storage, json(), 'exactly-once');
    const [reading, used] = counted(json());
    const { wire, got } = connected({
      client: { outbox: outboxIn(storage), codec: [msgpack(), reading], delivery: 'exactly-once' },
      server: { codecs: [msgpack(), json()] },
    });
    expect(ids(await got.take(1))).toEqual(['a']);
    expect(used).toEqual({ encoded: 0, decoded: 1 });
    wire.unsubscribe();
  });

  it.each([
    ['exactly-once', ['b'], ['ERR_IN_DOUBT']],
    ['at-least-once', ['a', 'b'], []],
  ] as const)('and may have been sent, is a discontinuity: %s', async (delivery, wanted, codes) => {
    const storage = fakeStorage();
    const inbox = fakeInbox();
    const net = network();
    // It takes the message, and does not process it: nobody listens.
    const first = net.serve({ codecs: [json()], inbox }, () => undefined);
    const before = net.connect({ outbox: outboxIn(storage), codec: [json(), msgpack()], delivery });
    const sent = record(before.receipts$);
    before.next(message('a'));
    await sent.take(2);
    await hasStored(storage, /"rt"|"ticket"/);
    before.unsubscribe();
    first.unsubscribe();

    const got$ = new Subject<Message>();
    const got = record(got$);
    const second = net.serve({ codecs: [msgpack()], inbox }, (wire) => void wire.subscribe((one) => got$.next(one)));
    const after = net.connect({ outbox: outboxIn(storage), codec: [json(), msgpack()], delivery });
    const errors: string[] = [];
    after.errors$.subscribe(({ code }) => errors.push(code));
    after.next(message('b'));
    expect(ids(await got.take(wanted.length))).toEqual(wanted);
    expect(errors.filter((code) => code !== 'ERR_SESSION_LOST')).toEqual(codes);
    cleanups.push(() => [after, second].forEach((one) => one.unsubscribe()));
  });

  it('by a server, is written anew for a client that reads no other', async () => {
    const storage = fakeStorage();
    const inbox = fakeInbox();
    const net = network();
    const options = { codecs: [json(), msgpack()], inbox, outbox: () => outboxIn(storage, 'server') };
    const mine = fakeStorage();
    const first = net.serve(options, (wire) => wire.next(message('a')));
    const before = net.connect({ outbox: outboxIn(mine), codec: json() });
    await hasStored(storage, /"a\\?"/);
    before.unsubscribe();
    first.unsubscribe();

    const second = net.serve(options, () => undefined);
    const after = net.connect({ outbox: outboxIn(mine), codec: msgpack() });
    cleanups.push(() => [after, second].forEach((one) => one.unsubscribe()));
    expect(ids(await record(after).take(1))).toEqual(['a']);
  });
});
