import fc from 'fast-check';
import { firstValueFrom, from, map, of, Subject, timer, toArray, type Observable, type OperatorFunction } from 'rxjs';
import { decryptPayload, type DecryptOptions, encryptPayload, type EncryptWhen } from '../../../lib/operators/payloads/encryptPayload.js';
import type { Codec } from '../../../lib/codec/codec.js';
import { json } from '../../../lib/codec/json.js';
import { keyring, type Keyring } from '../../../lib/codec/keyring.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import { isMarkedEncrypted } from '../../../lib/codec/seal/encryptedPayload.js';
import { nativeCipher } from '../../../lib/codec/seal/cipher.js';
import { createPayloadSeal } from '../../../lib/codec/seal/seal.js';
import { DecryptError, EncodeError, type RxwireError } from '../../../lib/message/errors.js';
import { fromBase64, toBase64 } from '../../../lib/message/bytes.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { messages } from '../../codec/messages.js';
import { anyPayload } from '../../codec/payloads.js';
import { operatorContract } from '../../support/operatorContract.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';
import { withoutNode } from '../../support/withoutNode.js';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const ring = (): Keyring => keyring({ current: 'k1', keys: { k1: key(1), k2: key(2) } });
const message = (payload: unknown, id = 'a1'): Message => createMessage('chat.said' as 'any', payload, { id, timestamp: 5 });
const all = (source: readonly Message[], operator: OperatorFunction<Message, Message>): Promise<readonly Message[]> =>
  firstValueFrom(from(source).pipe(operator, toArray()));
const encrypted = async (payload: unknown, keys = ring()): Promise<Message> => (await all([message(payload)], encryptPayload(keys)))[0]!;

/** What comes of messages, and why others do not. */
async function decrypted(source: readonly Message[], options: DecryptOptions = {}, keys = ring()) {
  const failed: RxwireError[] = [];
  const passed = await all(source, decryptPayload(keys, { onError: (one) => void failed.push(one), ...options }));
  return { passed, reasons: failed.map((error) => error instanceof DecryptError && error.reason) };
}
const FORGED = 'it is forged, or of another message';

describe('encryptPayload', () => {
  // What comes out is never the same twice.
  operatorContract(
    () => (source: Observable<Message>) =>
      source.pipe(
        encryptPayload(ring()),
        map(({ id }) => id),
      ),
    {
      value: (index) => message(index, String(index)),
      throwing: {
        onError: (fail) => (source) =>
          source.pipe(
            map((one) => ({ ...one, payload: new Map() })),
            encryptPayload(ring(), { onError: fail }),
          ),
        when: (fail) => encryptPayload(ring(), { when: fail }),
      },
    },
  );

  it('leaves all but the payload readable', async () => {
    const one = createMessage('chat.said' as 'any', 'a secret', { id: 'a1', target: 'bob', metadata: { persistent: true } });
    const [sent] = await all([one], encryptPayload(ring()));
    expect(sent).toEqual({ ...one, payload: expect.any(String), metadata: { persistent: true, encrypted: true } });
    expect(Buffer.from(sent!.payload as string, 'base64').toString('latin1')).not.toContain('secret');
  });

  it('never says the same twice', async () => {
    expect((await encrypted('x')).payload).not.toBe((await encrypted('x')).payload);
  });

  it('ends the stream at a payload that cannot be encrypted: nothing is sent in plain text', async () => {
    const seen = record(from([message(1), message(new Map()), message(2)]).pipe(encryptPayload(ring())));
    expect(await seen.ended).toBeInstanceOf(EncodeError);
    expect(seen.values).toHaveLength(1);
  });

  it('continues if onError handles the error', async () => {
    const failed: RxwireError[] = [];
    const passed = await all([message(new Map()), message(2)], encryptPayload(ring(), { onError: (one) => void failed.push(one) }));
    expect([passed.length, failed.length]).toEqual([1, 1]);
  });

  it('passes on an encrypted message as it is, whatever its policy', async () => {
    const once = await encrypted('x');
    for (const options of [{}, { when: '**' }, { when: () => true }]) {
      const [twice] = await all([once], encryptPayload(ring(), options));
      expect(twice).toBe(once);
    }
    expect((await decrypted(await all([once], encryptPayload(ring())))).passed[0]?.payload).toBe('x');
  });

  it('encrypts a message that only says it is encrypted, whatever its policy', async () => {
    const marked = { ...message('x'), metadata: { encrypted: true } };
    for (const options of [{}, { when: () => false }, { when: [] }]) {
      const [sent] = await all([marked], encryptPayload(ring(), options));
      expect((await decrypted([sent!])).passed[0]?.payload).toBe('x');
    }
  });

  const typed = (type: string): Message => ({ ...message('x'), type });
  it.each<[EncryptWhen, readonly string[]]>([
    ['card.sensitive', ['card.sensitive']],
    ['card.*', ['card.sensitive', 'card.added']],
    ['**.sensitive', ['card.sensitive', 'a.b.sensitive', 'sensitive']],
    ['**.b.*', ['a.b.sensitive']],
    [/sens/, ['card.sensitive', 'a.b.sensitive', 'sensitive', 'insensitive']],
    [
      ['card.added', '**.sensitive'],
      ['card.sensitive', 'card.added', 'a.b.sensitive', 'sensitive'],
    ],
    [({ type }) => type.length > 14, []],
    [isMarkedEncrypted, []],
    [[], []],
  ])('encrypts only the messages that its policy selects: %s', async (when, expected) => {
    const types = ['card.sensitive', 'card.added', 'a.b.sensitive', 'sensitive', 'insensitive', 'chat.said'];
    const source = types.map(typed);
    const sent = await all(source, encryptPayload(ring(), { when }));
    expect(sent.filter(isMarkedEncrypted).map(({ type }) => type)).toEqual(expected);
    // The others are passed on as they are.
    sent.forEach((one, index) => expect(isMarkedEncrypted(one) || one === source[index]).toBe(true));
  });

  it('drops a message whose policy throws: it is not sent in plain text', async () => {
    const boom = new Error('boom');
    const when = ({ id }: Message): boolean => {
      if (id === 'bad') throw boom;
      return false;
    };
    const seen = record(from([message(1), message(2, 'bad'), message(3)]).pipe(encryptPayload(ring(), { when })));
    expect([seen.values.length, await seen.ended]).toMatchObject([1, { code: 'ERR_MIDDLEWARE', cause: boom }]);
    const failed: RxwireError[] = [];
    const onError = (error: RxwireError): void => void failed.push(error);
    const passed = await all([message(1), message(2, 'bad'), message(3)], encryptPayload(ring(), { when, onError }));
    expect([passed.map(({ payload }) => payload), failed.map(({ cause }) => cause)]).toEqual([[1, 3], [boom]]);
  });

  it('keeps the order of messages that are not encrypted, while an asynchronous cipher works', async () => {
    const many = Array.from({ length: 20 }, (_, index) => message(index, `m${index}`));
    const encrypt = withoutNode(() => encryptPayload(ring(), { when: ({ payload }) => (payload as number) % 3 === 0 }));
    const sent = await all(many, encrypt);
    expect(sent.map(({ id }) => id)).toEqual(many.map(({ id }) => id));
    expect(sent.filter(isMarkedEncrypted)).toHaveLength(7);
  });

  it('refuses a pattern that is invalid when called', () => {
    for (const when of ['**.', 'a.**.b', '']) expect(() => encryptPayload(ring(), { when })).toThrow(RangeError);
  });
});

describe('decryptPayload', () => {
  operatorContract(() => decryptPayload(ring(), { plain: 'pass' }), {
    value: (index) => message(index, String(index)),
    throwing: { onError: (fail) => decryptPayload(ring(), { onError: fail }) },
  });

  it.each([
    ['json', undefined],
    ['msgpack', msgpack()],
  ])('decrypts the encrypted payloads, by %s', async (_, codec) => {
    const options = codec ? { codec } : {};
    const payload = codec ? { list: [new Map([[1, 2n]]), Uint8Array.of(1)] } : { list: [1, 'café', null] };
    const sent = await all([message(payload)], encryptPayload(ring(), options));
    const { passed, reasons } = await decrypted(sent, options);
    expect(reasons).toEqual([]);
    expect(passed).toEqual([{ ...message(payload), metadata: { encrypted: false } }]);
  });

  it('restores random messages', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(messages(anyPayload), { maxLength: 3 }), async (many) => {
        const plain = many.map((one) => ({ ...one, metadata: { ...one.metadata, encrypted: false } }));
        const sent = await all(plain, encryptPayload(ring(), { codec: msgpack() }));
        expect((await decrypted(sent, { codec: msgpack() })).passed).toEqual(plain);
      }),
      { numRuns: 50 },
    );
  });

  it.each<[string, (sent: Message) => Message]>([
    ['id', (sent) => ({ ...sent, id: 'b2' })],
    ['type', (sent) => ({ ...sent, type: 'chat.left' })],
    [
      'bit of the payload',
      (sent) => ({
        ...sent,
        payload: toBase64(fromBase64(sent.payload as string).map((byte, at, { length }) => (at === length - 20 ? byte ^ 1 : byte))),
      }),
    ],
    ['end', (sent) => ({ ...sent, payload: toBase64(fromBase64(sent.payload as string).subarray(0, -1)) })],
    [
      'salt',
      (sent) => ({ ...sent, payload: toBase64(fromBase64(sent.payload as string).map((byte, at) => (at === 20 ? byte ^ 1 : byte))) }),
    ],
    ['payload, which is no text', (sent) => ({ ...sent, payload: { toString: 1 } })],
    ['payload, which is no base64', (sent) => ({ ...sent, payload: '***' })],
  ])('refuses a message with another %s', async (_, change) => {
    const { passed, reasons } = await decrypted([change(await encrypted('x')), await encrypted('y')]);
    expect(passed.map(({ payload }) => payload)).toEqual(['y']);
    expect(reasons).toEqual([FORGED]);
  });

  it('refuses a plain message, and an encrypted one without the mark', async () => {
    const { passed, reasons } = await decrypted([
      message('x'),
      { ...(await encrypted('y')), metadata: {} },
      { ...message('z'), metadata: { encrypted: true } },
    ]);
    expect(passed).toEqual([]);
    expect(reasons).toEqual(['it is not encrypted', 'it is not encrypted', expect.stringMatching(/^it is (forged|not sealed)/)]);
  });

  it('lets plain messages pass where they may, and no forged ones', async () => {
    const { passed, reasons } = await decrypted([message('x'), { ...message('z'), metadata: { encrypted: true } }], { plain: 'pass' });
    expect(passed).toEqual([message('x')]);
    expect(reasons).toHaveLength(1);
  });

  it('uses the encrypted timestamp: a peer cannot make a message younger', async () => {
    const { passed } = await decrypted([{ ...(await encrypted('x')), timestamp: 99 }]);
    expect(passed[0]?.timestamp).toBe(5);
  });

  it('refuses another codec, and keys that it does not have', async () => {
    const sent = await encrypted('x');
    expect((await decrypted([sent], { codec: msgpack() })).reasons).toEqual([FORGED]);
    expect((await decrypted([sent], {}, keyring({ current: 'k1', keys: { k1: key(3) } }))).reasons).toEqual([FORGED]);
    expect((await decrypted([sent], {}, keyring({ current: 'k2', keys: { k2: key(1) } }))).reasons).toEqual([
      'its key is not in the keyring',
    ]);
  });

  it('reads messages of an earlier key until that key is removed', async () => {
    const [ours, theirs] = [ring(), ring()];
    const old = await encrypted('old', ours);
    ours.use('k2');
    const fresh = await encrypted('fresh', ours);
    expect((await decrypted([old, fresh], {}, theirs)).passed.map(({ payload }) => payload)).toEqual(['old', 'fresh']);
    theirs.use('k2');
    theirs.remove('k1');
    expect((await decrypted([old, fresh], {}, theirs)).passed.map(({ payload }) => payload)).toEqual(['fresh']);
  });

  it('waits for a codec that answers later, in order', async () => {
    const { encode, decode } = json();
    const later = <T>(value: T, size: number): Observable<T> => timer(size > 100 ? 5 : 0).pipe(map(() => value));
    const codec: Codec = {
      ...json(),
      encode: (batch) => later(encode(batch), encode(batch).length),
      decode: (frame) => later(decode(frame), frame.length),
    };
    const many = Array.from({ length: 20 }, (_, index) => message(`m${index}`.repeat(index % 3 === 0 ? 200 : 1)));
    const sent = await all(many, encryptPayload(ring(), { codec }));
    const payloads = many.map(({ payload }) => payload);
    expect((await decrypted(sent, { codec })).passed.map(({ payload }) => payload)).toEqual(payloads);
    expect((await decrypted(sent, { codec: json() })).passed.map(({ payload }) => payload)).toEqual(payloads);
  });

  it('understands the browser, and is understood, in order', async () => {
    const many = Array.from({ length: 20 }, (_, index) => message(index, `m${index}`));
    const there = withoutNode(() => encryptPayload(ring()));
    const back = withoutNode(() => decryptPayload(ring()));
    const payloads = many.map(({ payload }) => payload);
    expect((await decrypted(await all(many, there))).passed.map(({ payload }) => payload)).toEqual(payloads);
    expect((await all(await all(many, encryptPayload(ring())), back)).map(({ payload }) => payload)).toEqual(payloads);
  });

  it('reports a forged message in the errors$ of its wire, and acks it', async () => {
    const { wire, serverWire, close } = pair();
    const codes: string[] = [];
    const got$ = new Subject<Message>();
    const got = record(got$);
    void serverWire().then((far) => {
      far.errors$.subscribe(({ code }) => codes.push(code));
      far.pipe(decryptPayload(ring())).subscribe(got$);
    });
    await wire.send(message('in plain text'));
    of(message('x', 'b2'))
      .pipe(encryptPayload(ring()))
      .subscribe((one) => wire.next(one));
    expect((await got.take(1))[0]?.payload).toBe('x');
    expect(codes).toEqual(['ERR_DECRYPT']);
    close();
  });
});

describe('createPayloadSeal', () => {
  it('takes another key before there are too many nonces for one', () => {
    const { seal } = createPayloadSeal(nativeCipher()!, ring(), 'json', 2);
    const salts = [1, 2, 3, 4, 5].map(() =>
      Buffer.from((seal('x', { id: 'a', type: 'b' }) as Uint8Array).subarray(17, 33)).toString('hex'),
    );
    expect([salts[0] === salts[1], salts[1] === salts[2], salts[2] === salts[3], salts[3] === salts[4]]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
