import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from './compile.js';
import { examplesOf, unchecked } from './extract.js';
import { makers } from './prelude.js';
import { run } from './run.js';

const below = (folder: string, ending: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file));
const files = [...readdirSync('.').filter((file) => file.endsWith('.md')), ...below('docs', '.md'), ...below('lib', '.ts')];
const texts = files.map((file) => [file, readFileSync(file, 'utf8')] as const);
const compiled = compile(
  texts.flatMap(([file, text]) => examplesOf(file, text)),
  Object.keys(makers),
);

it.each(compiled.map((one) => [`${one.example.file}:${one.example.line}`, one] as const))(
  '%s',
  async (_, one) => {
    expect(one.faults).toEqual([]);
    if (one.example.runs) await run(one);
  },
  15_000,
);

it('leaves no code of the docs unchecked', () => {
  expect(texts.flatMap(([file, text]) => unchecked(file, text))).toEqual([]);
});
