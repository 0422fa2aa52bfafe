/**
 * npm run docs:marbles: runs marbles/*.ts and draws what they did to docs/marbles/*.svg.
 * npm run docs:marbles -- --check: fails when that is not what is committed.
 */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { collectMarbles, renderMarbles } from '../lib/adapters/testing/index.js';
import { root } from './support/run.js';

const check = process.argv.includes('--check');
const pictures = `${root}docs/marbles/`;

async function namesIn(folder: string, ending: string): Promise<readonly string[]> {
  const files = await readdir(folder);
  return files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
}

await mkdir(pictures, { recursive: true });
const [marbles, drawn] = [await namesIn(`${root}marbles/`, '.ts'), await namesIn(pictures, '.svg')];
let stale = 0;

for (const name of [...new Set([...marbles, ...drawn])].sort()) {
  const file = `${pictures}${name}.svg`;
  const diagrams = marbles.includes(name) ? await collectMarbles(() => import(`${root}marbles/${name}.ts`)) : [];
  const fresh = diagrams.length > 0 ? renderMarbles(name, diagrams) : undefined;
  if ((drawn.includes(name) ? await readFile(file, 'utf8') : undefined) === fresh) continue;
  stale++;
  if (!check) await (fresh === undefined ? rm(file) : writeFile(file, fresh));
  const done = fresh === undefined ? 'removed' : 'drawn';
  console.log(`docs/marbles/${name}.svg ${check ? 'is not what its marbles do' : done}`);
}

if (check && stale > 0) {
  console.error('run npm run docs:marbles');
  process.exitCode = 1;
}
