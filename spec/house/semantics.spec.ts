import { readFileSync } from 'node:fs';
import { filesBelow } from '../../scripts/support/filesBelow.js';

const specs = filesBelow('spec', '.spec.ts')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');
const rows = readFileSync('docs/semantics.md', 'utf8').match(/^\| (?!fault).*$/gm) ?? [];
const proofs = rows.map((row) => /^(?:\|[^|]*){4}\| `([^`]+)` \|$/.exec(row)?.[1] ?? row);

it('docs/semantics.md has rows', () => {
  expect(rows.length).toBeGreaterThanOrEqual(40);
});

it.each(proofs)('docs/semantics.md names a test that exists: %s', (title) => {
  expect(specs).toContain(`'${title}`);
});
