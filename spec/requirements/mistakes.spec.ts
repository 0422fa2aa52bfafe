import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as development from '../../lib/message/development.js';
import * as production from '../../lib/message/production.js';
import * as strictDevelopment from '../../lib/message/strictDevelopment.js';
import { bundleVariant } from '../support/bundleVariant.js';

type Variant = 'development' | 'strictDevelopment' | 'production';
interface Told {
  readonly refused: Readonly<Record<string, string>>;
  readonly frozen: string;
  readonly warnings: readonly { readonly code?: string; readonly message: string }[];
}

/** Runs the program with a variant of the package, as the conditions of package.json choose it. */
async function mistakesOf(variant: Variant): Promise<Told> {
  const entryPoints = ['spec/requirements/mistakes.ts'];
  const outfile = await bundleVariant({ entryPoints }, `mistakes-${variant}`, { development: `lib/message/${variant}.ts` });
  const { stdout } = await promisify(execFile)(process.execPath, [outfile]);
  await rm(outfile);
  return JSON.parse(stdout) as Told;
}

const WARNINGS = [
  'WARN_DATE',
  'WARN_HUB_FOR_ONE_WIRE',
  'WARN_NOT_SERVING',
  'WARN_NO_CONNECTION',
  'WARN_NO_SUBSCRIBER',
  'WARN_REPLY_NOT_SENT',
  'WARN_SENT_AFTER_END',
  'WARN_TYPE_NOT_SELECTED',
];

describe('The mistakes of new users', () => {
  let told: Readonly<Record<Variant, Told>>;
  beforeAll(async () => {
    const variants = ['development', 'strictDevelopment', 'production'] as const;
    const all = await Promise.all(variants.map(async (variant) => [variant, await mistakesOf(variant)] as const));
    told = Object.fromEntries(all) as typeof told;
  }, 60_000);

  it.each(['development', 'strictDevelopment'] as const)('are refused, each with a sentence, in %s', (variant) => {
    const { refused } = told[variant];
    expect(refused).toMatchObject({
      'a misspelt option of connect': 'TypeError: connect: unknown option "delivry"; did you mean "delivery"?',
      'the name of a codec': 'TypeError: connect: "codec" must be a codec, such as msgpack(), got "msgpack"',
      'an address instead of options':
        'TypeError: connect: the options must be an object, such as { link: webSocket(url) }, got "ws://127.0.0.1:1/wire"',
      'a token that is an object': 'TypeError: connect: "token" must be a function or a text, got an object',
      'a link that is an address': 'TypeError: connect: "link" must be a link, such as webSocket(url), got "ws://127.0.0.1:1/wire"',
      'a misspelt option of reconnect': 'TypeError: connect: "reconnect": unknown option "maxRetry"; did you mean "maxRetries"?',
      'a window that is a text': 'TypeError: connect: "window" must be a number, got "16"',
      'a key that is no function': 'TypeError: dedupe: "key" must be a function, got "id"',
      'a channel without a wire': 'TypeError: channel: "wire" must be a wire, as connect returns it, got "room.1"',
      'a misspelt option of channel': 'TypeError: channel: unknown option "form"; did you mean "from"?',
    });
    expect(Object.keys(refused)).toHaveLength(26);
    for (const sentence of Object.values(refused)) expect(sentence).toMatch(/^(Type|Range)Error: \w+: .{10}/);
  });

  it.each(['development', 'strictDevelopment'] as const)('are warnings, each once and with its heading, in %s', (variant) => {
    const codes = told[variant].warnings.flatMap(({ code }) => (code === undefined ? [] : [code]));
    expect(codes.sort()).toEqual(WARNINGS);
    for (const { code, message } of told[variant].warnings)
      if (code !== undefined) expect(message).toMatch(new RegExp(`.{30} \\(see rxwire/docs/errors\\.md#${code.toLowerCase()}\\)$`));
  });

  it('freeze what is sent, where a bundler asks for development', () => {
    expect(told.strictDevelopment.frozen).toMatch(/^TypeError: Cannot assign to read only property 'count'/);
    expect([told.development.frozen, told.production.frozen]).toEqual(['', '']);
  });

  it('print nothing in production, where only what cannot work at all throws', () => {
    expect(told.production.warnings.filter(({ code }) => code !== undefined)).toEqual([]);
    expect(Object.keys(told.production.refused)).toEqual(['a channel without a wire', 'a misspelt option of ackWithin']);
  });
});

it('each variant has the same functions', () => {
  const names = Object.keys(development).sort();
  expect(Object.keys(production).sort()).toEqual(names);
  expect(Object.keys(strictDevelopment).sort()).toEqual(names);
});
