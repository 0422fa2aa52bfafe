import { concat, finalize, ignoreElements, merge, NEVER, of, Subject, tap } from 'rxjs';
import type { Codec, PlainCodec } from '../../../lib/codec/codec.js';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import {
  ConnectionLostError,
  DecodeError,
  EncodeError,
  FrameTooLargeError,
  InvalidMessageError,
  NotEncryptedError,
} from '../../../lib/message/errors.js';
import type { Frame, Link } from '../../../lib/io/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { framed, type FramedOptions } from '../../../lib/wire/envelope/framed.js';
import { record } from '../../support/record.js';

const message = (id: string, payload: unknown = null): Message => createMessage('test.any', payload, { id, timestamp: 0 });
const ids = (batches: readonly (readonly Message[])[]): string[] => batches.map((batch) => batch.map(({ id }) => id).join(' '));

/** A framed link whose other end is in the hands of the test. */
function open(codec: Codec = json(), options: FramedOptions = {}) {
  const sent: Frame[] = [];
  const failures: unknown[] = [];
  const arriving = new Subject<Frame>();
  const outgoing = new Subject<readonly Message[]>();
  const link: Link<Frame> = (frames$) =>
    merge(
      arriving,
      frames$.pipe(
        tap((frame) => sent.push(frame)),
        finalize(() => sent.push('end')),
        ignoreElements(),
      ),
    );
  const received = record(
    framed(codec, {
      onBadFrame: (error) => failures.push(error),
      onUnsendable: ({ id }, error) => failures.push([id, error]),
      ...options,
    })(link)(outgoing),
  );
  return { sent, failures, arriving, outgoing, received };
}

describe('framed', () => {
  it.each([json(), msgpack()])('turns batches into frames of $name, and back', (codec) => {
    const { sent, arriving, outgoing, received } = open(codec);
    outgoing.next([message('a', 1), message('b', { two: 2 })]);
    outgoing.next([message('c')]);
    sent.forEach((frame) => arriving.next(frame));
    expect(received.values).toEqual([[message('a', 1), message('b', { two: 2 })], [message('c')]]);
  });

  describe('what is sent', () => {
    it('does not contain a message that says it is encrypted, and is not', () => {
      const { sent, failures, outgoing } = open();
      const unencrypted = { ...message('b', 'secret'), metadata: { encrypted: true } };
      outgoing.next([message('a'), unencrypted, message('c')]);
      outgoing.next([unencrypted]);
      expect(sent).toHaveLength(1);
      expect(sent.join()).not.toContain('secret');
      expect(failures).toEqual([
        ['b', new NotEncryptedError(unencrypted)],
        ['b', new NotEncryptedError(unencrypted)],
      ]);
    });

    it('is split into frames that are small enough', () => {
      const { sent, failures, arriving, outgoing, received } = open(json(), { maxFrame: 300 });
      outgoing.next(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => message(id)));
      expect(sent.length).toBeGreaterThan(1);
      expect(Math.max(...sent.map(({ length }) => length))).toBeLessThanOrEqual(300);
      sent.forEach((frame) => arriving.next(frame));
      expect(ids(received.values).join(' ')).toBe('a b c d e f g');
      expect(failures).toEqual([]);
    });

    it('is measured in bytes', () => {
      const [two, one] = [[message('a', '€'), message('b', '€')], [message('a', '€')]];
      const bytes = (batch: readonly Message[]): number => Buffer.byteLength(json().encode(batch));
      const exactly = open(json(), { maxFrame: bytes(two) });
      exactly.outgoing.next(two);
      expect(exactly.sent).toEqual([json().encode(two)]);
      const less = open(json(), { maxFrame: bytes(two) - 1 });
      less.outgoing.next(two);
      expect(less.sent).toHaveLength(2);
      const tooSmall = open(json(), { maxFrame: bytes(one) - 1 });
      tooSmall.outgoing.next(one);
      expect(tooSmall.failures).toEqual([['a', new FrameTooLargeError(bytes(one), bytes(one) - 1, one[0])]]);
    });

    it('without a message that is too large in any frame: that one is reported', () => {
      const { sent, failures, outgoing } = open(json(), { maxFrame: 300 });
      outgoing.next([message('a'), message('large', 'x'.repeat(300)), message('b')]);
      expect(sent.join('')).not.toContain('xxx');
      expect(sent.flatMap((frame) => json().decode(frame)).map(({ id }) => id)).toEqual(['a', 'b']);
      expect(failures).toEqual([['large', expect.any(FrameTooLargeError)]]);
    });

    it('without a message that cannot be encoded: that one is reported', () => {
      const { sent, failures, outgoing } = open();
      outgoing.next([message('a'), message('b'), message('big', 1n), message('c')]);
      expect(sent.flatMap((frame) => json().decode(frame)).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      expect(failures).toEqual([['big', expect.any(EncodeError)]]);
    });

    it('without a message for which the codec throws: an EncodeError is reported', () => {
      const boom = new Error('boom');
      const broken: Codec = {
        ...json(),
        encode: () => {
          throw boom;
        },
      };
      const { sent, failures, outgoing } = open(broken);
      outgoing.next([message('a')]);
      expect(sent).toEqual([]);
      expect(failures).toEqual([['a', new EncodeError('json', 'it has thrown an error', boom, { id: 'a', type: 'test.any' })]]);
    });

    it('ends with the source', () => {
      const { sent, outgoing, received } = open();
      outgoing.complete();
      expect(sent).toEqual(['end']);
      expect(received.isOver()).toBe(false);
    });
  });

  describe('what is received', () => {
    it.each<readonly [string, PlainCodec, Frame, typeof DecodeError | typeof InvalidMessageError | typeof FrameTooLargeError]>([
      ['not of the codec', json(), '{', DecodeError],
      ['no message', json(), '{"id":"a"}', InvalidMessageError],
      ['text, where bytes are expected', msgpack(), '[]', DecodeError],
      ['bytes, where text is expected', json(), new Uint8Array([1]), DecodeError],
      ['too large', json(), ' '.repeat(1_001), FrameTooLargeError],
      ['too large in bytes', json(), JSON.stringify('€'.repeat(400)), FrameTooLargeError],
    ])('is reported and dropped when it is %s', (_, codec, bad, kind) => {
      const { failures, arriving, received } = open(codec, { maxFrame: 1_000 });
      arriving.next(bad);
      arriving.next(codec.encode([message('a')]));
      expect(failures).toEqual([expect.any(kind)]);
      expect(ids(received.values)).toEqual(['a']);
    });

    it('is a DecodeError whatever the codec throws', () => {
      const boom = new Error('boom');
      const broken: Codec = {
        ...json(),
        decode: () => {
          throw boom;
        },
      };
      const { failures, arriving } = open(broken);
      arriving.next('');
      expect(failures).toEqual([new DecodeError('json', 'it has thrown an error', boom)]);
    });

    it('ends the link with 4400 when three frames in a row are bad', async () => {
      const { sent, failures, arriving, received } = open();
      arriving.next('bad');
      arriving.next('bad');
      arriving.next(json().encode([message('a')]));
      arriving.next('bad');
      arriving.next('bad');
      expect(received.isOver()).toBe(false);
      arriving.next('bad');
      expect(await received.ended).toEqual(new ConnectionLostError(4400, '3 frames were undecodable'));
      expect(failures).toHaveLength(5);
      expect(sent).toEqual(['end']);
    });

    it('ends the link even before it has subscribed to what is sent', async () => {
      const early: Link<Frame> = (frames$) => concat(of('bad'), frames$);
      const received = record(framed(json(), { maxBadFrames: 1 })(early)(NEVER));
      expect(await received.ended).toEqual(new ConnectionLostError(4400, '1 frames were undecodable'));
    });

    it('is counted anew for each subscription', () => {
      const link = framed(json(), { maxBadFrames: 2 })(() => concat(of('bad'), NEVER));
      for (let time = 0; time < 3; time++) expect(record(link(NEVER)).isOver()).toBe(false);
    });
  });

  it.each(['onBadFrame', 'onUnsendable'])('delivers the exception of %s', async (callback) => {
    const boom = new Error('boom');
    const { arriving, outgoing, received } = open(json(), {
      [callback]: () => {
        throw boom;
      },
    });
    if (callback === 'onBadFrame') arriving.next('bad');
    else outgoing.next([message('big', 1n)]);
    expect(await received.ended).toBe(boom);
  });

  it.each([{ maxFrame: 0 }, { maxBadFrames: NaN }])('refuses %p when called', (options) => {
    expect(() => framed(json(), options)).toThrow(RangeError);
  });
});
