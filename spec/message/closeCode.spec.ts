import { readFileSync } from 'node:fs';
import { CloseCode, isReconnectable } from '../../lib/message/closeCode.js';

it('CloseCode is the table of docs/protocol.md', () => {
  const rows = readFileSync('docs/protocol.md', 'utf8').matchAll(/^\| *`(\d{4})` *\|/gm);
  expect([...rows].map(([, code]) => Number(code))).toEqual(Object.values(CloseCode));
});

describe('isReconnectable', () => {
  it.each([1001, 1002, 1006, 1007, 1011, 1012, 1013, 3000, 4000, 4408, 4410, 4411, 4413, 4999])('says yes to %i', (code) => {
    expect(isReconnectable(code)).toBe(true);
  });

  it.each([1000, 1003, 1008, 1009, 1010, 4400, 4401, 4403, 4409])('says no to %i', (code) => {
    expect(isReconnectable(code)).toBe(false);
  });
});
