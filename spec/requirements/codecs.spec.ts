import { gunzipSync } from 'node:zlib';
import { tap } from 'rxjs';
import type { Codec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';
import { sealed } from '../../lib/codec/sealed.js';
import { webSocket } from '../../lib/io/webSocket.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });
const formats: Readonly<Record<string, () => Codec>> = { JSON: json, MessagePack: msgpack, 'Protocol Buffers': protobuf };
const TEXT = 'a secret of the kitchen ';

describe('R3 codecs, over a real socket', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** A client with one codec or several, and an echo server that has others, too; and all frames between the two. */
  async function opened(codec: Codec | readonly Codec[], codecs: readonly Codec[]) {
    const echo = (served: Wire): void =>
      void served.subscribe(({ id, payload }) => served.next(createMessage('echo', payload, { correlationId: id })));
    const server = await wireServer(echo, { codecs });
    cleanups.push(server.close);
    const frames: Frame[] = [];
    const seen = tap<Frame>((frame) => frames.push(frame));
    const link: Link<Frame> = (outgoing) => webSocket(server.url)(outgoing.pipe(seen)).pipe(seen);
    const wire = connect({ link, codec });
    cleanups.push(() => wire.unsubscribe());
    return { wire, got: record(wire), frames };
  }
  const others = (): readonly Codec[] => [json(), msgpack(), protobuf()];
  const textOf = (frame: Frame): string => (typeof frame === 'string' ? frame : Buffer.from(frame).toString('latin1'));

  describe.each(Object.entries(formats))('%s', (_, format) => {
    it('carries payloads in both directions', async () => {
      const { wire, got, frames } = await opened(format(), others());
      await wire.send(createMessage('note', { text: TEXT, numbers: [1, 2.5, null], is: true }));
      expect((await got.take(1))[0]!.payload).toEqual({ text: TEXT, numbers: [1, 2.5, null], is: true });
      expect(frames.filter((frame) => textOf(frame).includes(TEXT))).toHaveLength(2);
      expect(new Set(frames.slice(2).map((frame) => typeof frame === 'string'))).toContain(format().binary !== true);
    });

    it('is compressed by gzip from 1 KiB on', async () => {
      const { wire, got, frames } = await opened(gzipped(format()), [...others(), gzipped(format())]);
      await wire.send(createMessage('note', TEXT));
      await wire.send(createMessage('note', TEXT.repeat(100)));
      expect((await got.take(2)).map(({ payload }) => payload)).toEqual([TEXT, TEXT.repeat(100)]);
      expect(frames.filter((frame) => textOf(frame).includes(TEXT))).toHaveLength(2);
      const zipped = frames.filter((frame) => textOf(frame).includes('\x1f\x8b'));
      expect(zipped).toHaveLength(2);
      for (const frame of zipped)
        expect(gunzipSync(Buffer.from(frame).subarray(textOf(frame).indexOf('\x1f\x8b'))).includes(TEXT)).toBe(true);
    });

    it('is encrypted by AES-256-GCM, after it was compressed', async () => {
      const codec = sealed(gzipped(format()), keys);
      const { wire, got, frames } = await opened(codec, [sealed(gzipped(format()), keys), sealed(json(), keys)]);
      await wire.send(createMessage('note', TEXT));
      await wire.send(createMessage('note', TEXT.repeat(100)));
      expect((await got.take(2)).map(({ payload }) => payload)).toEqual([TEXT, TEXT.repeat(100)]);
      expect(frames.filter((frame) => textOf(frame).includes('secret'))).toEqual([]);
      // A frame that was compressed first is small.
      expect(Math.max(...frames.map(({ length }) => length))).toBeLessThan(1_000);
    });
  });

  it('the handshake selects the first codec of the client that the server has', async () => {
    const { wire, got, frames } = await opened([gzipped(msgpack()), protobuf(), json()], [json(), protobuf()]);
    await wire.send(createMessage('note', TEXT));
    await got.take(1);
    // Only one of the codecs that both have makes bytes.
    const carriers = frames.filter((frame) => textOf(frame).includes(TEXT));
    expect(carriers.map((frame) => typeof frame)).toEqual(['object', 'object']);
  });
});
