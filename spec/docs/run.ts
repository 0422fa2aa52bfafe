import { setTimeout as pause } from 'node:timers/promises';
import { format } from 'node:util';
import type { Compiled } from './compile.js';
import { expectedOutput } from './extract.js';
import { openStage } from './stage.js';
import { freePort, openTown, PORT } from './town.js';

type Module = Readonly<Record<string, unknown>>;
type Script = (require: (name: string) => unknown, exports: object, console: object) => Promise<void>;
const AsyncFunction = (async () => Promise.resolve()).constructor as new (...source: string[]) => Script;

/**
 * Runs an example. Fails when it throws, at once or later, or does not print exactly what its comments say.
 *
 * @param patience How long it may take to print, in ms.
 */
export async function run({ example, script }: Compiled, patience = 5_000): Promise<void> {
  const expected = words(expectedOutput(example.code));
  const printed: string[] = [];
  const print = (...values: unknown[]): void => void printed.push(format(...values));
  const modules = await load(script);
  const stage = openStage();
  try {
    const port = await portFor(script);
    const body = new AsyncFunction('require', 'exports', 'console', script.replaceAll(PORT, port));
    await body((name) => modules.get(name), {}, { log: print, info: print, warn: print, error: print });
    await stage.runTests();
    for (let waited = 0; waited < patience && words(printed).length < expected.length && stage.failures.length === 0; waited += 5)
      await pause(5);
    await pause(5); // for what is printed too much, or thrown too late
  } finally {
    await stage.close();
  }
  if (stage.failures.length > 0) throw stage.failures[0];
  if (expected !== '') expect(words(printed)).toBe(expected);
}

/** A port with a server behind it, for an example that talks to one; a free port, for one that brings its own. */
async function portFor(script: string): Promise<string> {
  if (/\.listen\(/.test(script)) return freePort();
  return script.includes(PORT) ? openTown() : PORT;
}

/** Lines as they are compared: a comment says `a b` for two lines, and an object may take several. */
function words(lines: readonly string[]): string {
  return lines.join(' ').replaceAll(/\s+/g, ' ').trim();
}

/** The modules that a script requires, as CommonJS sees them; relative ones from the top of the repository. */
async function load(script: string): Promise<ReadonlyMap<string, Module>> {
  const names = new Set([...script.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = '']) => name));
  const modules = new Map<string, Module>();
  // One after the other: jest may run a module that two of them import before its own imports have run.
  for (const name of names) modules.set(name, { ...((await import(name.replace(/^\.\//, '../../'))) as Module), __esModule: true });
  return modules;
}
