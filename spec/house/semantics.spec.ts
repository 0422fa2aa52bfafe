import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The pages whose rows name a fault and link the test that shows it: for users, and for contributors. */
const PAGES = ['docs/semantics.md', 'docs/faults.md'];
const rowsOf = (page: string): readonly string[] => readFileSync(page, 'utf8').match(/^\| (?!fault).*$/gm) ?? [];
const rows = PAGES.flatMap((page) => rowsOf(page));
const proofs = rows.map((row) => {
  const [, fault = row, title = row, file = row] =
    /^\| ([^|]+) \|(?:[^|]*\|){3} \[`([^`]+)`\]\(\.\.\/(spec\/\S+\.spec\.ts)\) \|$/.exec(row) ?? [];
  return { fault, title, file };
});

it('has rows on both pages, and few on the page for users', () => {
  const [forUsers, forContributors] = PAGES.map((page) => rowsOf(page).length);
  expect(forUsers).toBeGreaterThanOrEqual(20);
  expect(forUsers).toBeLessThanOrEqual(30);
  expect(forContributors).toBeGreaterThanOrEqual(110);
});

it('has each fault of a level once', () => {
  const envelopes = ['the connection is cut']; // also a row of the older protocol
  const faults = proofs.map(({ fault }) => fault);
  expect(faults.filter((fault, index) => faults.indexOf(fault) !== index)).toEqual(envelopes);
});

it.each(proofs)('the row "$fault" links a test that exists: $title', ({ title, file }) => {
  expect(readFileSync(join('.', file), 'utf8')).toContain(`'${title}`);
});
