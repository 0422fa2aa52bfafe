import { readFile } from 'node:fs/promises';
import { root } from './run.js';

/** Returns the lowest version of RxJS that the package accepts, and the range of all, of which npm installs the latest. */
export async function rxjsVersions(): Promise<readonly [lowest: string, latest: string]> {
  const { peerDependencies } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  const { rxjs = '' } = peerDependencies;
  if (!/^\^\d+\.\d+\.\d+$/.test(rxjs)) throw new Error(`the peer range of rxjs must have the form ^7.8.0, got ${rxjs}`);
  return [rxjs.slice(1), rxjs];
}
