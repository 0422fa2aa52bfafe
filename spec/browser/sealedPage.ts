/** The page of sealed.spec.ts: the cipher as a browser has it, to be told what to do. Bytes go in and out in hexadecimal digits or base64. */
import { firstValueFrom, from, isObservable, map, take, toArray } from 'rxjs';
import { decryptPayload, encryptPayload } from '../../lib/operators/payloads/encryptPayload.js';
import type { Codec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { deriveKey, keyring } from '../../lib/codec/keyring.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { nativeCipher, webCipher } from '../../lib/codec/seal/cipher.js';
import { sealed } from '../../lib/codec/sealed.js';
import { fromBase64, toBase64 } from '../../lib/message/bytes.js';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { connect } from '../../lib/wire/connect.js';
import type { gcmVectors } from '../codec/seal/published.js';
import { place } from '../support/places.js';
import { inPage } from './inPage.js';

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });
const codecs = new Map<string, Codec>(
  [json(), msgpack(), gzipped(msgpack(), { threshold: 100 })].map((codec) => [codec.name, sealed(codec, keys)]),
);

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (all: Uint8Array): string => Array.from(all, (byte) => byte.toString(16).padStart(2, '0')).join('');
const soon = async <T>(later: MaybeAsync<T>): Promise<T> => (isObservable(later) ? firstValueFrom(later) : later);

const toolbox = {
  /** Whether there is Node's cipher, and whether there is the other. */
  ciphers: () => [nativeCipher() !== undefined, webCipher() !== undefined],
  /** What is sealed, and then opened again. */
  seal: ({ key, nonce, label, content }: (typeof gcmVectors)[number]) =>
    inPage(async () => {
      const safe = await soon(webCipher()!.importKey(bytes(key)));
      const parts = await soon(safe.seal(bytes(nonce), bytes(label), bytes(content)));
      const whole = bytes(parts.map(hex).join(''));
      return [hex(whole), hex(await soon(safe.open(bytes(nonce), bytes(label), whole)))];
    }),
  derive: (passphrase: string, salt: string) => inPage(async () => hex(await firstValueFrom(deriveKey(passphrase, bytes(salt))))),
  /** Opens frames, and seals what was in them. */
  passOn: (name: string, frames: readonly string[]) =>
    inPage(async () => {
      const codec = codecs.get(name)!;
      const answers: string[] = [];
      for (const frame of frames) {
        const batch = await soon(codec.decode(fromBase64(frame), place));
        answers.push(toBase64((await soon(codec.encode(batch, place))) as Uint8Array));
      }
      return answers;
    }),
  /** The codes of the errors by which frames are refused; nothing for one that is not. */
  refuse: (name: string, frames: readonly string[], context = place) =>
    inPage(async () => {
      const codes: string[] = [];
      for (const frame of frames) {
        try {
          await soon(codecs.get(name)!.decode(fromBase64(frame), context));
          codes.push('');
        } catch (error) {
          codes.push((error as { readonly code?: string }).code ?? String(error));
        }
      }
      return codes;
    }),
  /** Decrypts payloads, and encrypts them again. */
  passOnPayloads: (messages: readonly Message[]) =>
    inPage(() =>
      firstValueFrom(
        from(messages).pipe(
          decryptPayload(keys),
          map((message) => ({ ...message, payload: [message.payload] })),
          encryptPayload(keys),
          toArray(),
        ),
      ),
    ),
  /** Sends messages over a sealed wire, and answers with what comes back for them. */
  talk: (url: string, ids: readonly string[]) =>
    inPage(async () => {
      const wire = connect({ link: webSocket(url), codec: sealed(msgpack(), keys), delivery: 'exactly-once' });
      const back = firstValueFrom(
        wire.pipe(
          map(({ payload }) => payload),
          take(ids.length),
          toArray(),
        ),
      );
      for (const id of ids) wire.next(createMessage('test.any', id));
      const answers = await back;
      wire.complete();
      return answers;
    }),
};

export type Toolbox = typeof toolbox;

declare global {
  interface Window {
    readonly sealedPage: Toolbox;
  }
}
Object.assign(window, { sealedPage: toolbox });
