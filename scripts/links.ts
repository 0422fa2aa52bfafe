/**
 * npm run docs:links: checks the links of the Markdown files, in the repository and in the package that `npm pack` would make. In the package each
 * relative link, picture and anchor must lead to something that is packed, and each page must be reachable from README.md.
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { checkLinks, unreachablePages } from './support/markdownLinks.js';
import { root } from './support/run.js';

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

const isPage = (file: string): boolean => file.endsWith('.md');

function repositoryPages(): readonly string[] {
  const below = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`);
  return [...readdirSync(root), ...below].filter(isPage);
}

async function packedFiles(): Promise<readonly string[]> {
  const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], options);
  const [packed] = JSON.parse(stdout) as readonly Packed[];
  if (!packed) throw new Error('npm pack --dry-run --json printed no package');
  return packed.files.map(({ path }) => path);
}

function report(place: string, count: number, faults: readonly string[]): void {
  for (const line of faults) console.error(`${place}: ${line}`);
  console.log(`${place}: ${count} links, ${faults.length} faults`);
  if (faults.length > 0) process.exitCode = 1;
}

const repository = checkLinks(root, repositoryPages());
report('repository', repository.count, repository.dead);

const files = await packedFiles();
const pages = files.filter(isPage);
const packed = checkLinks(root, pages, files);
const lost = unreachablePages(root, pages, 'README.md').map((page) => `${page}: no link leads to it from README.md`);
report('package', packed.count, [...packed.dead, ...lost]);
