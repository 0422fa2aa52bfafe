import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { buildSync } from 'esbuild';

const bundles = new Map<string, string>();

/** A program as one file, which starts five times as fast. It is there until this process ends. */
export function bundle(program: string): string {
  const known = bundles.get(program);
  if (known) return known;
  const file = `node_modules/.cache/rxwire/${process.pid}-${bundles.size}-${basename(program, '.ts')}.mjs`;
  buildSync({ bundle: true, packages: 'external', platform: 'node', format: 'esm', entryPoints: [program], outfile: file });
  process.on('exit', () => rmSync(file, { force: true }));
  bundles.set(program, file);
  return file;
}
