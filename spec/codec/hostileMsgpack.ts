import { Packr, type Options } from 'msgpackr';

const MEBIBYTE = 1024 * 1024;

/** The frame of one message whose payload is these bytes. */
export const around = (...payload: readonly number[]): Uint8Array =>
  Uint8Array.of(0x91, 0x96, 0xa1, 0x61, 0xa1, 0x61, 0x00, 0xa3, 0x31, 0x2e, 0x30, 0xa0, ...payload);

/** The frame of one message whose payload is an array of `item`, a mebibyte of them unless told otherwise. */
export const filled = (item: readonly number[], size = MEBIBYTE): Uint8Array => {
  const count = Math.floor((size - 17) / item.length);
  const frame = new Uint8Array(17 + count * item.length);
  frame.set([...around(0xdd), count >>> 24, count >>> 16, count >>> 8, count]);
  for (let index = 0; index < count; index++) frame.set(item, 17 + index * item.length);
  return frame;
};

/** The same, as msgpackr writes it when it may. */
const packed = (options: Options, payload: unknown): Uint8Array =>
  new Uint8Array(new Packr(options).pack([['a', 'a', 0, '1.0', '', payload]]));

const cycle: unknown[] = [];
cycle.push(cycle);

/** What MessagePack can say, and no peer may. */
export const forbidden: Readonly<Record<string, () => Uint8Array>> = {
  'the 33rd level': () => around(...new Array<number>(32).fill(0x91), 0x90),
  'a record definition': () => packed({ useRecords: true }, { a: 1 }),
  'a reference': () => packed({ structuredClone: true, useRecords: false }, cycle),
  'a RegExp': () => packed({ moreTypes: true }, /(a+)+/),
  'an Error': () => packed({ moreTypes: true }, new Error('a')),
  'a Set': () => packed({ moreTypes: true }, new Set([1])),
  'a huge BigInt': () => packed({ useBigIntExtension: true }, 2n ** 8_000n),
  'bundled strings': () => packed({ bundleStrings: true }, ['a long string', 'another one']),
  'an extension nobody knows': () => around(0xd5, 0x50, 0x00, 0x00),
};
