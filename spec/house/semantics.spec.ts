import { readdirSync, readFileSync } from 'node:fs';

const specs = readdirSync('spec', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.spec.ts'))
  .map((file) => readFileSync(`spec/${file}`, 'utf8'))
  .join('\n');
const proofs = [...readFileSync('docs/semantics.md', 'utf8').matchAll(/^\| (?:[^|]*\|){4} `([^`]+)` +\|$/gm)].map(
  ([, title = '']) => title,
);

it('docs/semantics.md names a test in each of its rows', () => {
  expect(proofs.length).toBeGreaterThanOrEqual(30);
});

it.each(proofs)('docs/semantics.md names a test that exists: %s', (title) => {
  expect(specs).toContain(`'${title}`);
});
