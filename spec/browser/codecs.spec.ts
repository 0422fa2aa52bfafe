import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Page } from 'playwright-core';
import type { Codec, PlainCodec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { compositions } from '../fuzz/compositions.js';
import { same } from '../fuzz/same.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { listen } from '../../lib/server/index.js';
import { describingBlocks } from '../codec/gzip/blocks.js';
import { memberOf } from '../codec/gzip/memberOf.js';
import { mutations } from '../codec/mutations.js';
import type { Carried } from './codecsPage.js';
import { describeInBrowsers } from './launch.js';
import { openAlone } from './site.js';

jest.setTimeout(30_000);

const alone = compositions.filter(({ name, codec }) => name === codec.name);
const pairs = alone.flatMap(({ codec, batches }) =>
  [codec, gzipped(codec, { threshold: 100 })].map((one) => [one.name, one, batches] as const),
);

const compressed = pairs.filter(([name]) => name.endsWith('+gzip'));

const carried = (frame: string | Uint8Array): Carried =>
  typeof frame === 'string' ? { text: frame } : { base64: Buffer.from(frame).toString('base64') };
const frameOf = (one: Carried): string | Uint8Array => ('text' in one ? one.text : new Uint8Array(Buffer.from(one.base64, 'base64')));

describeInBrowsers('codecs in a browser that allows no eval', (_, executablePath) => {
  let site: Awaited<ReturnType<typeof openAlone>>;
  let page: Page;

  beforeAll(async () => {
    site = await openAlone(executablePath, 'spec/browser/codecsPage.ts');
    page = site.page;
  });
  afterAll(() => site.close());

  const passOn = (codec: Codec, frames: readonly Carried[]): Promise<readonly Carried[]> =>
    page.evaluate(([name, all]) => window.codecsPage.passOn(name, all), [codec.name, frames] as const);
  const refuse = (codec: Codec, frames: readonly Carried[]): Promise<readonly string[]> =>
    page.evaluate(([name, all]) => window.codecsPage.refuse(name, all), [codec.name, frames] as const);

  it.each(pairs)('%s: the page reads frames of Node, and Node reads frames of the page', async (_, codec, batches) => {
    const sent = fc.sample(batches, { numRuns: 300, seed: 1 });
    const frames = sent.map((batch) => carried(codec.encode(batch)));
    const answers = await passOn(codec, frames);
    expect(answers).toHaveLength(sent.length);
    const lost = sent.filter((batch, index) => !same(codec.decode(frameOf(answers[index]!)), batch));
    expect(lost).toEqual([]);
    // zlib and fflate write different members with the same content.
    if (!codec.name.endsWith('+gzip')) expect(answers).toEqual(frames);
    else expect(answers.some((one) => frameOf(one)[0] === 31)).toBe(true);
    expect(site.complaints).toEqual([]);
  });

  it.each(pairs)('%s: the page refuses a truncated frame, and one with extra bytes', async (_, codec, batches) => {
    const frames = fc.sample(batches, { numRuns: 100, seed: 2 }).map((batch) => codec.encode(batch));
    const broken = frames.filter(({ length }) => length > 2).flatMap((frame) => [frame.slice(0, -1), longer(frame)].map(carried));
    const codes = await refuse(codec, broken);
    expect(codes.filter((code) => code !== 'ERR_DECODE' && code !== 'ERR_INVALID_MESSAGE')).toEqual([]);
  });

  it.each(compressed)('%s: the page reads and refuses the same mutated frames as Node', async (_, codec, batches) => {
    const frames = fc.sample(batches, { numRuns: 100, seed: 3 }).map((batch) => codec.encode(batch));
    const mutated = [...mutations(frames, 1_000)];
    const codes = await refuse(codec, mutated.map(carried));
    expect(codes).toEqual(mutated.map((frame) => codeOf(() => codec.decode(frame))));
    expect(codes.filter((code) => !['', 'ERR_DECODE', 'ERR_INVALID_MESSAGE'].includes(code))).toEqual([]);
    expect(codes).toEqual(expect.arrayContaining(['', 'ERR_DECODE']));
    expect(site.complaints).toEqual([]);
  });

  it('refuses members that are damaged, and what is after them', async () => {
    const [good, empty, bomb] = [gzipSync('["a"]'.repeat(100)), gzipSync(''), gzipSync(Buffer.alloc(64 * 1024 * 1024))];
    bomb.writeUInt32LE(100, bomb.length - 4);
    const changed = (at: number, byte: number): Buffer => Buffer.from(good.map((old, index) => (index === at ? byte : old)));
    const broken = [
      changed(good.length - 8, good[good.length - 8]! ^ 1),
      changed(good.length - 4, good[good.length - 4]! + 1),
      changed(3, 0x20),
      Buffer.concat([good, Buffer.of(0)]),
      Buffer.concat([good, good]),
      Buffer.concat([empty, good]),
      Buffer.concat([empty, empty]),
      memberOf(describingBlocks(60_000), 1, 0),
      bomb,
    ];
    expect(await refuse(gzipped(json()), broken.map(carried))).toEqual(broken.map(() => 'ERR_DECODE'));
  });

  it('a wire to Node is gzipped in both directions, and keeps its order', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const kinds: string[] = [];
    const codec = gzipped(msgpack(), { threshold: 100 });
    const decode: PlainCodec['decode'] = (frame) => {
      kinds.push(frame[0] === 31 ? 'compressed' : 'plain');
      return codec.decode(frame);
    };
    const served = listen(server, { codecs: [{ ...codec, decode }], path: '/wire', origins: [site.origin] }).subscribe((wire) => {
      wire.subscribe(({ payload }) => wire.next(createMessage('test.any', `re:${payload as string}`)));
    });
    const payloads = Array.from({ length: 500 }, (_, index) => `m${index}`.repeat(index % 5 === 0 ? 400 : 1));
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/wire`;
    const answers = await page.evaluate(([to, all]) => window.codecsPage.talk(to, all), [url, payloads] as const);
    expect(answers).toEqual(payloads.map((payload) => `re:${payload}`));
    expect(kinds).toContain('compressed');
    served.unsubscribe();
    server.close();
    server.closeAllConnections();
  });

  it('really allows none', async () => {
    expect(await page.evaluate(() => window.codecsPage.canEvaluate())).toBe(false);
  });
});

function longer(frame: string | Uint8Array): string | Uint8Array {
  return typeof frame === 'string' ? `${frame}]` : new Uint8Array(Buffer.concat([frame, Buffer.of(0)]));
}

/** The code of the error, or nothing. */
function codeOf(run: () => unknown): string {
  try {
    run();
    return '';
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error);
  }
}
