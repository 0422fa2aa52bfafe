import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chart } from './chart.js';
import { chartsOf, fileOf, fillPages, sectionsOf, tablesOf, type Pages } from './page.js';
import type { Results } from './results.js';

/** The page for users, with charts, and the page for contributors, with the tables. */
const PAGES = ['docs/performance.md', 'docs/benchmarks.md'];
const IMAGES = 'docs/images';

/** The pictures that are there, by their names. */
export const drawnFiles = (): readonly string[] => readdirSync(IMAGES).filter((file) => /^performance-.*\.svg$/.test(file));

/** The pictures of the results, by their names. */
export function picturesOf(results: Results): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tablesOf(results).flatMap((table) => chartsOf(table).map((column) => [fileOf(table, column), chart(table, column)])),
  );
}

export const pictureAt = (file: string): string => `${IMAGES}/${file}`;

export const readPages = (): Pages => Object.fromEntries(PAGES.map((file) => [file, readFileSync(file, 'utf8')]));

/** Draws the charts, and fills the pages. */
export function draw(results: Results): void {
  const pictures = picturesOf(results);
  for (const file of drawnFiles()) if (pictures[file] === undefined) rmSync(pictureAt(file));
  for (const [file, picture] of Object.entries(pictures)) writeFileSync(pictureAt(file), picture);
  for (const [file, page] of Object.entries(fillPages(readPages(), sectionsOf(results)))) writeFileSync(file, page);
  console.log(`drawn: ${PAGES.join(', ')} and ${Object.keys(pictures).length} charts in ${IMAGES}`);
}
