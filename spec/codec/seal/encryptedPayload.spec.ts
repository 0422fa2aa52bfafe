import fc from 'fast-check';
import { firstValueFrom, of } from 'rxjs';
import { encryptPayload } from '../../../lib/operators/payloads/encryptPayload.js';
import { keyring } from '../../../lib/codec/keyring.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { isEncryptedPayload, isMarkedEncrypted, isUnencrypted } from '../../../lib/codec/seal/encryptedPayload.js';
import { createMessage } from '../../../lib/message/createMessage.js';

const encryptedWith = async (name: string, payload: unknown): Promise<string> => {
  const keys = keyring({ current: name, keys: { [name]: new Uint8Array(32).fill(1) } });
  const sent = await firstValueFrom(of(createMessage('test.any', payload)).pipe(encryptPayload(keys, { codec: msgpack() })));
  return sent.payload as string;
};
/** Changes the bytes of an encrypted payload. */
const changed = (payload: string, change: (bytes: Buffer) => Uint8Array): string =>
  Buffer.from(change(Buffer.from(payload, 'base64'))).toString('base64');

describe('isEncryptedPayload', () => {
  it('recognizes each payload that encryptPayload makes', async () => {
    const nameOf = (length: number): string => 'k'.repeat(length);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 128 }), fc.uint8Array({ maxLength: 40 }), async (length, bytes) => {
        expect(isEncryptedPayload(await encryptedWith(nameOf(length), bytes))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it.each<[string, unknown]>([
    ['an object', { number: '4711' }],
    ['undefined', undefined],
    ['an empty text', ''],
    ['a text', 'the number of my card is 4711'],
    ['a text of base64 characters', 'mysecretpassword'],
    ['a long text of base64 characters', 'password'.repeat(100)],
    ['other bytes as base64', Buffer.alloc(100, 7).toString('base64')],
  ])('does not take %s for one', (_, payload) => {
    expect(isEncryptedPayload(payload)).toBe(false);
  });

  it('does not take a payload for one that has another version or kind, is too short, or names no key', async () => {
    const payload = await encryptedWith('k1', null);
    const changes: readonly ((bytes: Buffer) => Uint8Array)[] = [
      (bytes) => bytes.fill(2, 0, 1),
      (bytes) => bytes.fill(2, 1, 2),
      (bytes) => bytes.fill(0, 2, 3),
      (bytes) => bytes.fill(10, 3, 4),
      (bytes) => bytes.fill(255, 2, 3),
      (bytes) => bytes.subarray(0, 3 + 2 + 12 + 16 + 16 - 1),
    ];
    expect(isEncryptedPayload(changed(payload, (bytes) => bytes))).toBe(true);
    for (const change of changes) expect(isEncryptedPayload(changed(payload, change))).toBe(false);
    expect(isEncryptedPayload(`${payload} `)).toBe(false);
    expect(isEncryptedPayload(payload.replace(/.$/, '*'))).toBe(false);
  });
});

describe('isMarkedEncrypted', () => {
  it('returns whether metadata.encrypted is set', () => {
    const marks = [undefined, {}, { encrypted: false }, { encrypted: true }];
    expect(marks.map((metadata) => isMarkedEncrypted(metadata ? { metadata } : {}))).toEqual([false, false, false, true]);
  });
});

describe('isUnencrypted', () => {
  it('returns whether a message says that it is encrypted, and is not', async () => {
    const metadata = { encrypted: true };
    expect(isUnencrypted({ payload: 'x' })).toBe(false);
    expect(isUnencrypted({ payload: 'x', metadata: { encrypted: false } })).toBe(false);
    expect(isUnencrypted({ payload: 'x', metadata })).toBe(true);
    expect(isUnencrypted({ payload: await encryptedWith('k1', 'x'), metadata })).toBe(false);
  });
});
