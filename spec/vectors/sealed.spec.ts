import { createDecipheriv, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { BatchContext, Codec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { keyring, type Keyring } from '../../lib/codec/keyring.js';
import { nativeCipher, webCipher } from '../../lib/codec/seal/cipher.js';
import { sealedWith } from '../../lib/codec/sealed.js';
import { DecodeError } from '../../lib/message/errors.js';
import type { Message } from '../../lib/message/types.js';
import { soon } from '../support/places.js';

interface Vector {
  readonly name: string;
  readonly codec: string;
  readonly context: BatchContext;
  readonly hex: string;
}

interface Vectors {
  readonly keys: Readonly<Record<string, string>>;
  readonly good: readonly (Vector & { readonly key: string; readonly nonce: string; readonly messages: readonly Message[] })[];
  readonly bad: readonly Vector[];
}

const { keys, good, bad } = JSON.parse(readFileSync('spec/vectors/sealed.json', 'utf8')) as Vectors;
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const ringOf = (current: string): Keyring =>
  keyring({ current, keys: Object.fromEntries(Object.entries(keys).map(([name, hex]) => [name, bytes(hex)])) });
const within = (name: string): Codec => (name.includes('gzip') ? gzipped(json(), { threshold: 0 }) : json());

describe.each([
  ['Node', nativeCipher()!],
  ['WebCrypto', webCipher()!],
])('the vectors of sealed, by the cipher of %s', (_, cipher) => {
  it.each(good.map((vector) => [vector.name, vector] as const))('%s', async (_, { codec: name, key, nonce, context, messages, hex }) => {
    const codec = sealedWith(cipher, within(name), ringOf(key), () => bytes(nonce));
    expect(codec.name).toBe(name);
    expect(await soon(() => codec.decode(bytes(hex), context))).toEqual(messages);
    const frame = (await soon(() => codec.encode(messages, context))) as Uint8Array;
    // Two compressors differ.
    if (name.includes('gzip')) expect(await soon(() => codec.decode(frame, context))).toEqual(messages);
    else expect(Buffer.from(frame).toString('hex')).toBe(hex);
  });

  it.each(bad.map((vector) => [vector.name, vector] as const))('refuses %s', async (_, { codec: name, context, hex }) => {
    const codec = sealedWith(cipher, within(name), ringOf('k1'));
    await expect(soon(() => codec.decode(bytes(hex), context))).rejects.toThrow(DecodeError);
  });
});

describe('docs/formats.md', () => {
  it.each(good.map((vector) => [vector.name, vector] as const))('is enough to open: %s', (_, { codec, context, messages, hex }) => {
    const frame = Buffer.from(hex, 'hex');
    const [version, kind, length] = frame as unknown as [number, number, number];
    const name = frame.toString('ascii', 3, 3 + length);
    const [nonce, sealed] = [frame.subarray(3 + length, 15 + length), frame.subarray(15 + length)];
    const { direction, pid, first, count } = context;
    const info = `rxwire sealed 1 ${name} ${direction} ${pid} ${Math.floor(first / 2 ** 31)}`;
    const key = new Uint8Array(hkdfSync('sha256', bytes(keys[name]!), '', info, 32));
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(`rxwire sealed 1 ${kind} ${name} ${direction} ${pid} ${first} ${count} ${codec}`));
    decipher.setAuthTag(sealed.subarray(-16));
    const opened = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    const parsed = JSON.parse((kind === 0 ? opened : gunzipSync(opened)).toString()) as Message | Message[];
    expect([version, [parsed].flat()]).toEqual([1, messages]);
  });
});
