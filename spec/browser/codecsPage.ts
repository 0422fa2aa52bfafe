/** The page of codecs.spec.ts: the codecs as a browser has them, to be told what to do. Frames go in and out as texts, or as bytes in base64. */
import { firstValueFrom, map, take, toArray } from 'rxjs';
import type { PlainCodec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { fromBase64, toBase64 } from '../../lib/message/bytes.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { protobuf } from '../../lib/codec/protobuf/index.js';
import { types } from '../codec/protobuf/types.js';
import { connect } from '../../lib/wire/connect.js';
import { inPage } from './inPage.js';

const plain = [json(), msgpack(), protobuf({ types })];
const all: readonly PlainCodec[] = [...plain, ...plain.map((codec) => gzipped(codec, { threshold: 100 }))];
const codecs = new Map(all.map((codec) => [codec.name, codec]));

/** A frame on its way between the test and the page. */
export type Carried = { readonly text: string } | { readonly base64: string };

const frameOf = (one: Carried): string | Uint8Array => ('text' in one ? one.text : fromBase64(one.base64));

const toolbox = {
  /** Reads frames, and makes frames of what was in them. */
  passOn: (name: string, frames: readonly Carried[]) =>
    inPage((): readonly Carried[] => {
      const codec = codecs.get(name)!;
      return frames.map((one) => {
        const answer = codec.encode(codec.decode(frameOf(one)));
        return typeof answer === 'string' ? { text: answer } : { base64: toBase64(answer) };
      });
    }),
  /** The codes of the errors by which frames are refused; nothing for one that is not. */
  refuse: (name: string, frames: readonly Carried[]) =>
    inPage(() =>
      frames.map((one) => {
        try {
          codecs.get(name)!.decode(frameOf(one));
          return '';
        } catch (error) {
          return (error as { readonly code?: string }).code ?? String(error);
        }
      }),
    ),
  /** Sends messages over a gzipped wire, and answers with what comes back for them. */
  talk: (url: string, payloads: readonly string[]) =>
    inPage(async () => {
      const wire = connect({ link: webSocket(url), codec: codecs.get('msgpack+gzip')!, delivery: 'exactly-once' });
      const back = firstValueFrom(
        wire.pipe(
          map(({ payload }) => payload),
          take(payloads.length),
          toArray(),
        ),
      );
      for (const payload of payloads) wire.next(createMessage('test.any', payload));
      const answers = await back;
      wire.complete();
      return answers;
    }),
  /** Whether text can become code here. */
  canEvaluate: () =>
    inPage(() => {
      try {
        // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that is the question
        return typeof new Function('return true') === 'function';
      } catch {
        return false;
      }
    }),
};

export type Toolbox = typeof toolbox;

declare global {
  interface Window {
    readonly codecsPage: Toolbox;
  }
}
Object.assign(window, { codecsPage: toolbox });
