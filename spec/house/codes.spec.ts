import { readFileSync } from 'node:fs';
import { CloseCode, isReconnectable } from '../../lib/message/closeCode.js';

const codesIn = (text: string): readonly string[] => [...new Set(text.match(/ERR_[A-Z_]+/g))].sort();

it('docs/errors.md has a heading for each error code, and for no other', () => {
  const headings = readFileSync('docs/errors.md', 'utf8').match(/^#+ .*$/gm) ?? [];
  expect(codesIn(headings.join('\n'))).toEqual(codesIn(readFileSync('lib/message/errors/errorCode.ts', 'utf8')));
});

it('docs/protocol.md has a row for each close code, and says whether to reconnect', () => {
  const rows = readFileSync('docs/protocol.md', 'utf8').matchAll(/^\| `(\d{4})` \| (\w+) \|.*\| (yes|no) \|$/gm);
  const documented = [...rows].map(([, code, name, reconnect]) => `${code} ${name} ${reconnect}`);
  expect(documented).toEqual(Object.entries(CloseCode).map(([name, code]) => `${code} ${name} ${isReconnectable(code) ? 'yes' : 'no'}`));
});
