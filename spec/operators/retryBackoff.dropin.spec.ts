import { readFileSync } from 'node:fs';
import * as rxjs from 'rxjs';
import * as testing from 'rxjs/testing';
import ts from 'typescript';
import { retryBackoff } from '../../lib/operators/retryBackoff.js';

// The package's own tests, as they are on disk, given our operator where they import the original.
const file = 'node_modules/backoff-rxjs/spec/retryBackoff-spec.ts';
const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
  fileName: file,
  compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
});
const modules = new Map<string, unknown>([
  ['rxjs', rxjs],
  ['rxjs/testing', testing],
  ['../src', { retryBackoff }],
]);
const load = (name: string): unknown => {
  if (!modules.has(name)) throw new Error(`${file} imports ${name}`);
  return modules.get(name);
};

describe('retryBackoff, by the tests of backoff-rxjs', () => {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it is how a CommonJS module is run
  const run = new Function('require', 'exports', outputText) as (require: typeof load, exports: object) => void;
  run(load, {});
});
