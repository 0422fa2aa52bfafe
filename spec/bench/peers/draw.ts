import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chart } from './chart.js';
import { chartsOf, fileOf, fillPage, sectionsOf, tablesOf } from './page.js';
import type { Results } from './results.js';

export const PAGE = 'docs/performance.md';
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

/** Draws the charts, and fills the page. */
export function draw(results: Results): void {
  const pictures = picturesOf(results);
  for (const file of drawnFiles()) if (pictures[file] === undefined) rmSync(pictureAt(file));
  for (const [file, picture] of Object.entries(pictures)) writeFileSync(pictureAt(file), picture);
  writeFileSync(PAGE, fillPage(readFileSync(PAGE, 'utf8'), sectionsOf(results)));
  console.log(`drawn: ${PAGE} and ${Object.keys(pictures).length} charts in ${IMAGES}`);
}
