import { filter, firstValueFrom, of, Subject, take, toArray } from 'rxjs';
import { channel, connect, createMessage, json, memoryLink, msgpack, type Codec, type Frame, type Message } from '../../lib/index.js';
import { checkingAll } from '../../lib/server/checkingAll.js';
import { encodingOnce } from '../../lib/server/encodingOnce.js';
import { hub, serve } from '../../lib/server/index.js';

/** A codec, and the batches that it was asked for. */
function spied(codec: Codec = json()) {
  const asked: (readonly Message[])[] = [];
  const encode = (batch: readonly Message[]) => {
    asked.push(batch);
    return codec.encode(batch);
  };
  return { codec: { ...codec, encode }, asked };
}

const fixed = (payload: unknown): Message => Object.freeze(createMessage('test', payload));

describe('encodingOnce', () => {
  it.each([json(), msgpack()])('reuses the frame of identical messages, with $name', (plain) => {
    const { codec, asked } = spied(plain);
    const { encode } = encodingOnce(codec);
    const [one, two] = [fixed(1), fixed(2)];
    expect(encode([one, two])).toBe(encode([one, two]));
    expect(encode([one, two])).toEqual(plain.encode([one, two]));
    expect(asked).toHaveLength(1);
  });

  it('uses a codec that is an instance of a class, with private fields', () => {
    class Own implements Codec {
      readonly name = 'own';
      readonly binary = false;
      readonly #json = json();
      get limits() {
        return { ...this.#json.limits, maxDepth: 7 };
      }
      encode(batch: readonly Message[]) {
        return this.#json.encode(batch);
      }
      decode(frame: string | Uint8Array) {
        return this.#json.decode(frame);
      }
    }
    const { name, limits, encode, decode, within } = encodingOnce(checkingAll(new Own(), false));
    expect({ name, limits, limited: within?.({}) }).toEqual({ name: 'own', limits: { ...json().limits, maxDepth: 7 }, limited: undefined });
    expect(decode(encode([fixed(1)]) as string)).toMatchObject([{ payload: 1 }]);
  });

  it('encodes other messages again', () => {
    const { codec, asked } = spied();
    const { encode } = encodingOnce(codec);
    const [one, two] = [fixed(1), fixed(2)];
    for (const batch of [[one], [two], [two, one], [two], [one, two], [{ ...two }], []]) expect(encode(batch)).toBe(codec.encode(batch));
    expect(asked).toHaveLength(14);
  });

  it('encodes messages again that may have changed', () => {
    const { encode } = encodingOnce(json());
    const open = createMessage('test', 1) as { payload: unknown };
    const before = encode([open as Message]);
    open.payload = 2;
    expect(encode([open as Message])).not.toBe(before);
    const payload = { value: 1 };
    const shell = fixed(payload);
    const first = encode([shell]);
    payload.value = 2;
    expect(encode([shell])).not.toBe(first);
  });

  it('does not wrap asynchronous codecs, codecs with a context, and encrypting codecs', () => {
    const later = encodingOnce({ ...json(), encode: (batch) => of(json().encode(batch)) });
    const one = fixed(1);
    expect(later.encode([one])).not.toBe(later.encode([one]));
    const asking: Codec = { ...json(), encode: (batch, context) => `${JSON.stringify(batch)} ${context?.first}` };
    expect(encodingOnce(asking)).toBe(asking);
    const sealed: Codec = { ...json(), isSealed: true };
    expect(encodingOnce(sealed)).toBe(sealed);
  });

  it('encodes a published message once for a channel of a server', async () => {
    const { codec, asked } = spied();
    const links$ = new Subject<ReturnType<typeof memoryLink<Frame>>[1]>();
    const rooms = hub();
    const served = serve(links$, { codecs: [codec] }).subscribe(rooms.serve);
    const received = Array.from({ length: 5 }, async () => {
      const [near, far] = memoryLink<Frame>();
      links$.next(far);
      const wire = connect({ link: near });
      const room = channel(wire, 'room');
      const all = firstValueFrom(room.pipe(take(2), toArray()));
      await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
      return { all, wire };
    });
    const members = await Promise.all(received);
    asked.length = 0;
    rooms.channel('room').next(createMessage('test', 1));
    rooms.channel('room').next(createMessage('test', 2));
    for (const { all } of members) expect((await all).map(({ payload }) => payload)).toEqual([1, 2]);
    expect(asked.filter((batch) => batch.some(({ type }) => type === 'channel.message'))).toHaveLength(1);
    for (const { wire } of members) wire.unsubscribe();
    served.unsubscribe();
  });
});
