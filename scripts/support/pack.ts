import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root, run } from './run.js';

/** The package that `npm pack` makes of dist/. */
export interface Packed {
  readonly filename: string;
  /** The size of the tarball, in bytes. */
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Describes the package without writing the tarball. The package must be built. */
export async function packedFiles(): Promise<Packed> {
  const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)('npm', ['pack', './dist', '--dry-run', '--json'], options);
  const [packed] = JSON.parse(stdout) as readonly Packed[];
  if (!packed) throw new Error('npm pack --dry-run --json printed no package');
  return packed;
}

/** Packs the built package into a folder, and returns the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  const { filename } = await packedFiles();
  await run('npm', ['pack', './dist', '--silent', '--pack-destination', folder]);
  return join(folder, filename);
}
