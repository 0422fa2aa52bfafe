import fc from 'fast-check';
import { asynchronous } from '../../lib/codec/asynchronous.js';
import type { BatchContext, Codec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { keyring, type Keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { nativeCipher, webCipher } from '../../lib/codec/seal/cipher.js';
import { createGenerationCache } from '../../lib/codec/seal/seal.js';
import { sealed, sealedWith } from '../../lib/codec/sealed.js';
import { DecodeError, EncodeError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { place, placed, soon } from '../support/places.js';
import { codecContract } from './contract.js';
import { messages, sample } from './messages.js';
import { anyPayload } from './payloads.js';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const ring = (): Keyring => keyring({ current: 'k1', keys: { k1: key(1), k2: key(2) } });
const ciphers = { Node: nativeCipher()!, WebCrypto: webCipher()! };
const batch = [sample(), createMessage('a', { text: 'hello' })];
const frameOf = (codec: Codec, context = place): Uint8Array => placed(codec, context).encode(batch) as Uint8Array;
const reasonOf = async (codec: Codec, frame: Uint8Array, context: BatchContext = place): Promise<string> => {
  try {
    await soon(() => codec.decode(frame, context));
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
  return 'accepted';
};
const FORGED =
  'cannot open: the key k1 of this side does not open it: the keys of the two sides do not match, or it is forged, or of another place';
const UNKNOWN_KEY = 'cannot open: the keyring of this side has no key k9: the keys of the two sides do not match';

describe.each([json, msgpack])('sealed around a codec', (makeCodec) => {
  const hostile = (frame: () => Uint8Array) => () => frame();
  codecContract((options) => placed(sealed(makeCodec(options), ring())), {
    payload: fc.string({ maxLength: 20 }),
    carries: makeCodec().name === 'msgpack' ? ['a Map', 'a Set'] : [],
    mutations: 1_000,
    hostile: {
      nothing: hostile(() => new Uint8Array()),
      'a text': () => '[]',
      'what is not sealed': () => placed(makeCodec()).encode(batch),
      'a head alone': () => frameOf(sealed(makeCodec(), ring())).subarray(0, 5),
      'no tag': () => frameOf(sealed(makeCodec(), ring())).subarray(0, -16),
    },
    foreign: {},
    heavy: { 'a large batch': () => placed(sealed(makeCodec(), ring())).encode([createMessage('a', 'x'.repeat(500_000))]) },
  });
});

describe.each(Object.entries(ciphers))('sealed, by the cipher of %s', (_, cipher) => {
  const by = (codec: Codec, keys = ring()): Codec => sealedWith(cipher, codec, keys);

  it('opens the sealed frames of the other side', async () => {
    for (const other of Object.values(ciphers)) {
      for (const codec of [json(), msgpack(), gzipped(json(), { threshold: 0 })]) {
        const frame = await soon(() => sealedWith(other, codec, ring()).encode(batch, place));
        expect(await soon(() => by(codec).decode(frame, place))).toEqual(batch);
      }
    }
  });

  it.each<[string, Partial<BatchContext>]>([
    ['other direction: it is reflected', { direction: 'to-client' }],
    ['outbox of another client', { pid: '0dG3kXbTqf0aLw8RzVn4Ye' }],
    ['number: it is replayed, or spliced', { first: 8 }],
    ['number beyond what one key is for', { first: 7 + 2 ** 31 }],
    ['count', { count: 3 }],
  ])('refuses a batch in the place of one with another %s', async (_, other) => {
    const frame = await soon(() => by(msgpack()).encode(batch, place));
    expect(await reasonOf(by(msgpack()), frame as Uint8Array, { ...place, ...other })).toBe(FORGED);
    expect(await reasonOf(by(msgpack()), frame as Uint8Array)).toBe('accepted');
  });

  it('refuses frames of another codec', async () => {
    const frame = await soon(() => by({ ...msgpack(), name: 'other' }).encode(batch, place));
    expect(await reasonOf(by(msgpack()), frame as Uint8Array)).toBe(FORGED);
  });

  it('refuses the ciphertext of one batch behind the head of another', async () => {
    const [one, two] = [await soon(() => by(msgpack()).encode(batch, place)), await soon(() => by(msgpack()).encode(batch, place))] as [
      Uint8Array,
      Uint8Array,
    ];
    const spliced = Uint8Array.from([...one.subarray(0, 40), ...two.subarray(40)]);
    expect(spliced).toHaveLength(one.length);
    expect(await reasonOf(by(msgpack()), spliced)).toBe(FORGED);
  });

  it('refuses a key of the same name, and one that it does not have', async () => {
    const stranger = by(msgpack(), keyring({ current: 'k1', keys: { k1: key(9) } }));
    expect(await reasonOf(by(msgpack()), (await soon(() => stranger.encode(batch, place))) as Uint8Array)).toBe(FORGED);
    const unknown = by(msgpack(), keyring({ current: 'k9', keys: { k9: key(1) } }));
    const frame = (await soon(() => unknown.encode(batch, place))) as Uint8Array;
    expect(await reasonOf(by(msgpack()), frame)).toBe(UNKNOWN_KEY);
  });

  it('refuses each bit that is changed, and each cut', async () => {
    const good = (await soon(() => by(json()).encode([createMessage('a', 1)], place))) as Uint8Array;
    const codec = by(json());
    for (const at of good.keys()) {
      expect(
        await reasonOf(
          codec,
          good.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte)),
        ),
      ).not.toBe('accepted');
      expect(await reasonOf(codec, good.subarray(0, at))).not.toBe('accepted');
    }
  });

  it('continues while keys are changed', async () => {
    const [ours, theirs] = [keyring({ current: 'k1', keys: { k1: key(1) } }), keyring({ current: 'k1', keys: { k1: key(1) } })];
    const [near, far] = [by(msgpack(), ours), by(msgpack(), theirs)];
    const old = (await soon(() => near.encode(batch, place))) as Uint8Array;
    theirs.add('k2', key(2));
    ours.add('k2', key(2));
    ours.use('k2');
    const fresh = (await soon(() => near.encode(batch, place))) as Uint8Array;
    expect([await reasonOf(far, old), await reasonOf(far, fresh)]).toEqual(['accepted', 'accepted']);
    theirs.use('k2');
    theirs.remove('k1');
    expect([await reasonOf(far, old), await reasonOf(far, fresh)]).toEqual([UNKNOWN_KEY.replace('k9', 'k1'), 'accepted']);
  });
});

describe('sealed', () => {
  it('is named after its codec, and is binary', () => {
    const { name, binary, isSealed } = sealed(gzipped(json()), ring());
    expect([name, binary, isSealed]).toEqual(['json+gzip+aes-256-gcm', true, true]);
  });

  it('is asynchronous if its cipher is, or its codec', () => {
    const plain = gzipped(json());
    const late: Codec = gzipped({ ...json(), asynchronous });
    const { Node, WebCrypto } = ciphers;
    const all = [sealedWith(Node, plain, ring()), sealedWith(WebCrypto, plain, ring()), sealedWith(Node, late, ring())];
    expect(all.map((codec) => codec.asynchronous)).toEqual([undefined, asynchronous, asynchronous]);
    expect(all.map((codec) => codec.within?.({ maxSize: 9 })?.asynchronous)).toEqual([undefined, asynchronous, asynchronous]);
  });

  it('reveals no plain text, and never repeats bytes', () => {
    const codec = sealed(json(), ring());
    const [one, two] = [frameOf(codec), frameOf(codec)];
    expect(one).not.toEqual(two);
    expect(Buffer.from(one).toString('latin1')).not.toMatch(/hello|type|payload/);
  });

  it('is refused where there are no numbers', () => {
    const codec = sealed(msgpack(), ring());
    expect(() => codec.encode(batch)).toThrow(EncodeError);
    expect(() => codec.decode(frameOf(codec))).toThrow(DecodeError);
  });

  it('cannot be compressed', () => {
    expect(() => gzipped(sealed(msgpack(), ring()))).toThrow(TypeError);
  });

  it('derives a key once for a direction of a client', () => {
    const cipher = ciphers.Node;
    let derived = 0;
    const counting = { ...cipher, derive: (...given: Parameters<typeof cipher.derive>) => (derived++, cipher.derive(...given)) };
    const codec = sealedWith(counting, msgpack(), ring());
    for (let first = 1; first < 100; first++) frameOf(codec, { ...place, first });
    expect(derived).toBe(1);
    frameOf(codec, { ...place, first: 2 ** 31 });
    frameOf(codec, { ...place, direction: 'to-client' });
    expect(derived).toBe(3);
  });

  it('answers by WebCrypto without waiting for a key that is there', async () => {
    const web = ciphers.WebCrypto;
    let derived = 0;
    const counting = { ...web, derive: (...given: Parameters<typeof web.derive>) => (derived++, web.derive(...given)) };
    const codec = sealedWith(counting, msgpack(), ring());
    for (let index = 0; index < 5; index++) await soon(() => codec.encode(batch, place));
    expect(derived).toBe(1);
  });

  it('decodes random batches', () => {
    const codec = placed(sealed(msgpack(), ring()));
    fc.assert(
      fc.property(fc.array(messages(anyPayload), { maxLength: 3 }), (all) => expect(codec.decode(codec.encode(all))).toEqual(all)),
      { numRuns: 50 },
    );
  });
});

describe('createRecent', () => {
  it('keeps the last used values, and evicts the others', () => {
    const recent = createGenerationCache<string>(2);
    const made: string[] = [];
    const ask = (name: string): string => recent.get(name, () => (made.push(name), name));
    for (const name of ['a', 'b', 'a', 'c', 'a', 'd', 'e', 'a', 'b']) ask(name);
    expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'b']);
  });
});
