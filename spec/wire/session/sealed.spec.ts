import { defer, mergeMap, Subject, type Observable } from 'rxjs';
import { gzipped } from '../../../lib/codec/gzipped.js';
import { keyring, type Keyring } from '../../../lib/codec/keyring.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { nativeCipher, webCipher } from '../../../lib/codec/seal/cipher.js';
import { sealed, sealedWith } from '../../../lib/codec/sealed.js';
import { UnsupportedError, type RxwireError } from '../../../lib/message/errors.js';
import type { Frame, Link } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { serve } from '../../../lib/server/serve.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { connect, type ConnectOptions } from '../../../lib/wire/connect.js';
import { record } from '../../support/record.js';
import { pair, type PairOptions } from '../../support/sessionPair.js';
import { fakeStorage } from '../../stores/fakeStorage.js';
import { envelopeProtocol } from '../../../lib/wire/envelope/envelopeProtocol.js';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const ring = (name = 'k1', byte = 1): Keyring => keyring({ current: name, keys: { [name]: key(byte) } });
const message = (id: string, payload: unknown = null): Message => createMessage('test.any', payload, { id });
const ids = (messages: readonly Message[]): readonly string[] => messages.map(({ id }) => id);
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `m${index}`);
const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

/** What a wire does, on either side. */
function watch(errors$: Observable<RxwireError>) {
  const errors: string[] = [];
  errors$.subscribe((error) => errors.push('closeCode' in error ? `${error.code} ${String(error.closeCode)}` : error.code));
  return errors;
}

describe.each([
  ['Node', nativeCipher()!],
  ['WebCrypto', webCipher()!],
])('a session that is sealed by the cipher of %s', (_, cipher) => {
  const codec = (keys = ring()) => sealedWith(cipher, gzipped(msgpack()), keys);

  function connected({ client = {}, server = {} }: PairOptions = {}) {
    const got$ = new Subject<Message>();
    const both = pair({
      client: { codec: codec(), ...client },
      server: { codecs: [codec()], ...server },
      onServerWire: (wire) => void wire.subscribe((one) => got$.next(one)),
    });
    cleanups.push(both.close);
    return { ...both, got: record(got$), errors: watch(both.wire.errors$) };
  }

  it.each(['at-most-once', 'at-least-once', 'exactly-once'] as const)('keeps the order, %s', async (delivery) => {
    const { wire, got, errors } = connected({ client: { delivery } });
    for (const id of names(600)) wire.next(message(id));
    expect(ids(await got.take(600))).toEqual(names(600));
    expect(errors).toEqual([]);
  });

  it('loses, doubles and reorders nothing when the connection is cut', async () => {
    const { wire, got, cut } = connected({ client: { delivery: 'exactly-once' } });
    for (const [index, id] of names(300).entries()) {
      wire.next(message(id));
      if (index % 60 !== 59) continue;
      await got.take(index - 50);
      cut();
    }
    expect(ids(await got.take(300))).toEqual(names(300));
  });

  it('sends anew to a server that has forgotten, with numbers that were used before', async () => {
    const { wire, got, restart } = connected({ client: { delivery: 'at-least-once' } });
    await wire.send(message('a'));
    restart();
    wire.next(message('b'));
    expect(ids(await got.take(2))).toEqual(['a', 'b']);
  });

  it('changes the key under way, in both directions', async () => {
    const [ours, theirs] = [ring(), ring()];
    const both = connected({ client: { codec: codec(ours) }, server: { codecs: [codec(theirs)] } });
    const back = record(both.wire);
    const serverWire = await both.serverWire();
    for (const keys of [ours, theirs]) keys.add('k2', key(2));
    for (const [index, change] of [
      () => ours.use('k2'),
      () => theirs.use('k2'),
      () => [ours, theirs].forEach((keys) => keys.remove('k1')),
    ].entries()) {
      change();
      both.wire.next(message(`up${index}`));
      serverWire.next(message(`down${index}`));
      await both.got.take(index + 1);
      await back.take(index + 1);
    }
    expect(ids(both.got.values)).toEqual(['up0', 'up1', 'up2']);
    expect(ids(back.values)).toEqual(['down0', 'down1', 'down2']);
    expect(both.errors).toEqual([]);
  });

  it('stores sealed frames', async () => {
    const storage = fakeStorage();
    const { wire, got, down } = connected({ client: { outbox: webStorageOutbox('out', { storage, locks: false }) } });
    wire.next(message('a'));
    await got.take(1);
    down();
    const before = [...storage.items.values()].join().length;
    wire.next(message('b', 'a secret '.repeat(10)));
    while ([...storage.items.values()].join().length === before) await new Promise(setImmediate);
    const stored = [...storage.items.values()].join();
    expect(stored).not.toContain('secret');
    expect(stored).not.toContain(Buffer.from('a secret a secret').toString('base64'));
  });

  it('delivers nothing without the key, and gives up', async () => {
    const { wire, got, errors } = connected({ client: { codec: codec(ring('k1', 9)) } });
    const { ended } = record(wire);
    wire.next(message('a'));
    expect(await ended).toMatchObject({ code: 'ERR_CONNECTION_LOST', closeCode: 4400 });
    expect(got.values).toEqual([]);
    expect(errors).toEqual(['ERR_CONNECTION_LOST 4410', 'ERR_CONNECTION_LOST 4410', 'ERR_DROPPED', 'ERR_CONNECTION_LOST 4400']);
  });

  it('delivers refused messages when the key is available', async () => {
    const keys = ring('k2', 2);
    const { wire, got, errors } = connected({ server: { codecs: [codec(keys)] } });
    wire.errors$.subscribe(() => keys.get('k1') ?? keys.add('k1', key(1)));
    wire.next(message('a'));
    expect(ids(await got.take(1))).toEqual(['a']);
    expect(errors).toEqual(['ERR_CONNECTION_LOST 4410']);
  });
});

describe('bad tag, key id or AAD', () => {
  type Rewrite = (frame: Frame) => readonly Frame[];
  const isBatch = (frame: Frame): boolean => typeof frame !== 'string';

  /** A client and a server, and between them who may do anything with what goes over the line. */
  function between(
    { up = (frame) => [frame], down = (frame) => [frame] }: { up?: Rewrite; down?: Rewrite },
    options: Partial<ConnectOptions> = {},
  ) {
    const links$ = new Subject<Link<Frame>>();
    const got$ = new Subject<Message>();
    const atServer: RxwireError[] = [];
    const server = serve(links$, { codecs: [sealed(msgpack(), ring())] }).subscribe((wire) => {
      wire.errors$.subscribe((error) => atServer.push(error));
      wire.subscribe((one) => {
        got$.next(one);
        wire.next(message(`re:${one.id}`));
      });
    });
    const link: Link<Frame> = (outgoing) =>
      defer(() => {
        const [near, far] = memoryLink<Frame>();
        links$.next(far);
        return near(outgoing.pipe(mergeMap(up))).pipe(mergeMap(down));
      });
    const wire = connect({ reconnect: { initialInterval: 1, maxInterval: 1 }, codec: sealed(msgpack(), ring()), ...options, link });
    cleanups.push(() => {
      wire.unsubscribe();
      server.unsubscribe();
    });
    return { wire, back: record(wire), got: record(got$), errors: watch(wire.errors$), atServer };
  }
  /** Does it to the first batch only. */
  const once = (change: Rewrite): Rewrite => {
    let isDone = false;
    return (frame) => {
      if (isDone || !isBatch(frame)) return [frame];
      isDone = true;
      return change(frame);
    };
  };
  const flipped = (frame: Frame): Frame => (frame as Uint8Array).map((byte, at) => (at === frame.length - 20 ? byte ^ 1 : byte));

  it('whoever changes a bit costs a connection, and no message', async () => {
    const { wire, got, errors, atServer } = between({ up: once((frame) => [flipped(frame)]) });
    wire.next(message('a'));
    expect(ids(await got.take(1))).toEqual(['a']);
    expect(errors).toEqual(['ERR_CONNECTION_LOST 4410']);
    expect(atServer[0]).toMatchObject({ code: 'ERR_DECODE', reason: expect.stringMatching(/^cannot open: the key k1 .* forged/) });
  });

  it('a changed bit of a frame without a number also closes the connection', async () => {
    const { wire, got, errors } = between({ up: once((frame) => [flipped(frame)]) }, { delivery: 'at-most-once' });
    wire.next(message('a'));
    wire.errors$.subscribe(() => wire.next(message('b')));
    expect(ids(await got.take(1))).toEqual(['b']);
    expect(errors).toEqual(['ERR_CONNECTION_LOST 4410']);
  });

  it('whoever repeats a batch achieves nothing', async () => {
    const { wire, got, back, errors } = between({
      up: (frame) => (isBatch(frame) ? [frame, frame] : [frame]),
      down: (frame) => (isBatch(frame) ? [frame, frame] : [frame]),
    });
    for (const id of names(20)) {
      wire.next(message(id));
      await got.take(got.values.length + 1);
    }
    await back.take(20);
    expect([ids(got.values), back.values.length, errors]).toEqual([names(20), 20, []]);
  });

  it('whoever gives a batch another number is refused', async () => {
    // A batch that carries an ack has 16 bytes before the batch itself.
    const renumbered = (frame: Frame): Frame =>
      (frame as Uint8Array).map((byte, at) => (at === (frame[0] === 2 ? 24 : 8) ? byte + 1 : byte));
    const { wire, got, atServer } = between({ up: once((frame) => [frame, renumbered(frame)]) });
    wire.next(message('a'));
    await got.take(1);
    wire.next(message('b'));
    expect(ids(await got.take(2))).toEqual(['a', 'b']);
    expect(atServer[0]).toMatchObject({ code: 'ERR_DECODE' });
  });

  it('whoever sends a batch back to its sender is refused', async () => {
    let sent: Frame | undefined;
    const { wire, back, errors } = between({
      up: once((frame) => [(sent = frame)]),
      down: once(() => [sent!]),
    });
    wire.next(message('a'));
    expect(ids(await back.take(1))).toEqual(['re:a']);
    expect(errors).toEqual(['ERR_DECODE', 'ERR_CONNECTION_LOST 4410']);
  });

  it('whoever says it in plain text is refused', async () => {
    const forged = JSON.stringify(['msg', 1, 1, message('forged')]);
    const { wire, got, atServer } = between({ up: once((frame) => [forged, frame]) });
    wire.next(message('a'));
    expect(ids(await got.take(1))).toEqual(['a']);
    expect(atServer[0]).toMatchObject({ code: 'ERR_DECODE', reason: 'it cannot be a text frame' });
  });
});

describe('a sealed codec over envelopes', () => {
  it('is refused by connect when called', () => {
    const [link] = memoryLink<Frame>();
    expect(() => connect({ link, codec: sealed(msgpack(), ring()), protocol: envelopeProtocol })).toThrow(UnsupportedError);
  });

  it('is none that a server would use: such clients are closed', async () => {
    const [near, far] = memoryLink<Frame>();
    const links$ = new Subject<Link<Frame>>();
    const refused: RxwireError[] = [];
    const server = serve(links$, { codecs: [sealed(msgpack(), ring())], onRefused: (error) => refused.push(error) }).subscribe();
    links$.next(far);
    const wire = connect({ link: near, codec: msgpack(), protocol: envelopeProtocol, reconnect: false });
    const { ended } = record(wire);
    wire.next(message('a'));
    expect(await ended).toMatchObject({ code: 'ERR_CONNECTION_LOST', closeCode: 4400 });
    expect(refused).toEqual([expect.objectContaining({ code: 'ERR_UNSUPPORTED' })]);
    server.unsubscribe();
  });
});
