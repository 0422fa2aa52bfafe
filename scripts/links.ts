/**
 * npm run docs:links: checks the links of the Markdown files, in the repository and in the package that `npm pack ./dist` would make. In the package each
 * relative link, picture and anchor must lead to something that is packed, and each page must be reachable from README.md.
 */
import { readdirSync } from 'node:fs';
import { filesBelow } from './support/filesBelow.js';
import { checkLinks, unreachablePages } from './support/markdownLinks.js';
import { packedFiles } from './support/pack.js';
import { root } from './support/run.js';

const isPage = (file: string): boolean => file.endsWith('.md');

function repositoryPages(): readonly string[] {
  return [...readdirSync(root).filter(isPage), ...filesBelow(`${root}docs`, '.md').map((file) => file.slice(root.length))];
}

function report(place: string, count: number, faults: readonly string[]): void {
  for (const line of faults) console.error(`${place}: ${line}`);
  console.log(`${place}: ${count} links, ${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}

const repository = checkLinks(root, repositoryPages());
report('repository', repository.count, repository.dead);

const files = (await packedFiles()).files.map(({ path }) => path);
const pages = files.filter(isPage);
const packed = checkLinks(`${root}dist`, pages, files);
const lost = unreachablePages(`${root}dist`, pages, 'README.md').map((page) => `${page}: no link leads to it from README.md`);
report('package', packed.count, [...packed.dead, ...lost]);
