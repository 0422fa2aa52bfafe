import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Page } from 'playwright-core';
import type { Codec } from '../../lib/codec/codec.js';
import { gzipped } from '../../lib/codec/gzipped.js';
import { compositions } from '../fuzz/compositions.js';
import { same } from '../fuzz/same.js';
import { describeWith } from '../support/debian.js';
import type { Carried } from './codecsPage.js';
import { openAlone } from './site.js';

jest.setTimeout(30_000);

const alone = compositions.filter(({ name, codec }) => name === codec.name);
const pairs = alone.flatMap(({ codec, batches }) =>
  [codec, gzipped(codec, { threshold: 100 })].map((one) => [one.name, one, batches] as const),
);

const carried = (frame: string | Uint8Array): Carried =>
  typeof frame === 'string' ? { text: frame } : { base64: Buffer.from(frame).toString('base64') };
const frameOf = (one: Carried): string | Uint8Array => ('text' in one ? one.text : new Uint8Array(Buffer.from(one.base64, 'base64')));

describeWith('chromium', 'codecs in a browser that allows no eval', (executablePath) => {
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
    // Two compressors differ; what they compress does not.
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

  it('really allows none', async () => {
    expect(await page.evaluate(() => window.codecsPage.canEvaluate())).toBe(false);
  });
});

function longer(frame: string | Uint8Array): string | Uint8Array {
  return typeof frame === 'string' ? `${frame}]` : new Uint8Array(Buffer.concat([frame, Buffer.of(0)]));
}
