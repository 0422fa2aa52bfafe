import { lastValueFrom, throwError, type Observable } from 'rxjs';
import type { Codec } from '../../../lib/codec/codec.js';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import type { Frame } from '../../../lib/io/link.js';
import { DecodeError } from '../../../lib/message/errors.js';
import { decodeBody } from '../../../lib/wire/session/encoding.js';

describe('decodeBody', () => {
  const failure = (codec: Codec, body: Frame): unknown => {
    try {
      return decodeBody(codec, body);
    } catch (error) {
      return error;
    }
  };

  it('adds the first 256 characters or bytes of a frame to its error', () => {
    expect(failure(json(), '[short')).toMatchObject({ code: 'ERR_DECODE', frame: '[short' });
    expect(failure(json(), 'x'.repeat(1_000))).toMatchObject({ code: 'ERR_DECODE', frame: 'x'.repeat(256) });
    const bytes = new Uint8Array(1_000).fill(0xc1);
    const { frame } = failure(msgpack(), bytes) as DecodeError;
    expect(frame).toEqual(bytes.slice(0, 256));
    expect((frame as Uint8Array).buffer.byteLength).toBe(256);
  });

  it('adds it to the error of a codec that throws any other, or that answers later', async () => {
    const throwing: Codec = {
      ...json(),
      decode() {
        throw new TypeError('x');
      },
    };
    expect(failure(throwing, '[]')).toMatchObject({ code: 'ERR_DECODE', frame: '[]', cause: new TypeError('x') });
    const late: Codec = { ...json(), decode: () => throwError(() => new DecodeError('late', 'no')) };
    await expect(lastValueFrom(decodeBody(late, '[]') as Observable<unknown>)).rejects.toMatchObject({ reason: 'no', frame: '[]' });
  });
});
