import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Page } from 'playwright-core';
import { firstValueFrom, from, toArray } from 'rxjs';
import { decryptPayload, encryptPayload } from '../../lib/operators/payloads/encryptPayload.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { keyring } from '../../lib/codec/keyring.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { sealed } from '../../lib/codec/sealed.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { listen } from '../../lib/server/index.js';
import { messages } from '../codec/messages.js';
import { jsonPayload } from '../codec/payloads.js';
import { gcmVectors, pbkdf2Vectors } from '../codec/seal/published.js';
import { same } from '../fuzz/same.js';
import { place, placed } from '../support/places.js';
import { describeInBrowsers } from './launch.js';
import { openAlone } from './site.js';

jest.setTimeout(30_000);

const keys = keyring({ current: 'k1', keys: { k1: new Uint8Array(32).fill(1) } });
const base64 = (frame: string | Uint8Array): string => Buffer.from(frame as Uint8Array).toString('base64');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const batches = fc.sample(fc.array(messages(jsonPayload), { maxLength: 5 }), { numRuns: 100, seed: 1 });

describeInBrowsers('what is sealed, in a browser that allows no eval', (_, executablePath) => {
  let site: Awaited<ReturnType<typeof openAlone>>;
  let page: Page;
  const servers: Server[] = [];

  beforeAll(async () => {
    site = await openAlone(executablePath, 'spec/browser/sealedPage.ts');
    page = site.page;
  });
  afterAll(async () => {
    await site.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });
  afterEach(() => expect(site.complaints).toEqual([]));

  it('is sealed by WebCrypto', async () => {
    expect(await page.evaluate(() => window.sealedPage.ciphers())).toEqual([false, true]);
  });

  it.each(gcmVectors)('seals and opens $name of the standard', async (vector) => {
    const answer = await page.evaluate((one) => window.sealedPage.seal(one), vector);
    expect(answer).toEqual([vector.sealed + vector.tag, vector.content]);
  });

  it.each([json(), msgpack(), gzipped(msgpack(), { threshold: 100 })].map((codec) => [codec.name, codec] as const))(
    '%s: the page opens what Node has sealed, and Node what the page has',
    async (name, codec) => {
      const ours = placed(sealed(codec, keys));
      const frames = batches.map((batch) => base64(ours.encode(batch)));
      const answers = await page.evaluate(([by, all]) => window.sealedPage.passOn(by, all), [name, frames] as const);
      expect(batches.filter((batch, index) => !same(ours.decode(bytes(answers[index]!)), batch))).toEqual([]);
      expect(answers).toHaveLength(batches.length);
    },
  );

  it('the page refuses a frame that is truncated, changed, longer, or of another batch', async () => {
    const frame = placed(sealed(json(), keys)).encode(batches[0]!) as Uint8Array;
    const broken = [frame.subarray(0, -1), frame.map((byte, at) => (at === 30 ? byte ^ 1 : byte)), Uint8Array.of(...frame, 0)];
    const refuse = (frames: readonly Uint8Array[], context = place) =>
      page.evaluate(([all, where]) => window.sealedPage.refuse('json', all, where), [frames.map(base64), context] as const);
    expect(await refuse(broken)).toEqual(broken.map(() => 'ERR_DECODE'));
    expect(await refuse([frame], { ...place, direction: 'to-client' })).toEqual(['ERR_DECODE']);
    expect(await refuse([frame])).toEqual(['']);
  });

  it('payloads are read and written at both ends', async () => {
    const sent = [createMessage('test.any', 'a'), createMessage('test.any', { deep: ['b'] })];
    const encrypted = await firstValueFrom(from(sent).pipe(encryptPayload(keys), toArray()));
    const answers = await page.evaluate((all) => window.sealedPage.passOnPayloads(all), encrypted);
    const read = await firstValueFrom(from(answers).pipe(decryptPayload(keys), toArray()));
    expect(read.map(({ payload }) => payload)).toEqual([['a'], [{ deep: ['b'] }]]);
  });

  it('a passphrase gives the same key as on Node', async () => {
    const { passphrase } = pbkdf2Vectors[0];
    const key = await page.evaluate(([text]) => window.sealedPage.derive(text, '07'.repeat(16)), [passphrase] as const);
    const { pbkdf2Sync } = await import('node:crypto');
    expect(key).toBe(pbkdf2Sync(passphrase, Buffer.alloc(16, 7), 600_000, 32, 'sha256').toString('hex'));
  });

  it('a wire to Node is sealed in both directions, and keeps its order', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const options = { codecs: [sealed(msgpack(), keys)], path: '/wire', origins: [site.origin] };
    const served = listen(server, options).subscribe((wire) => {
      wire.subscribe(({ payload }) => wire.next(createMessage('test.any', `re:${payload as string}`)));
    });
    const ids = Array.from({ length: 500 }, (_, index) => `m${index}`);
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`;
    expect(await page.evaluate(([to, all]) => window.sealedPage.talk(to, all), [url, ids] as const)).toEqual(ids.map((id) => `re:${id}`));
    served.unsubscribe();
  });
});
