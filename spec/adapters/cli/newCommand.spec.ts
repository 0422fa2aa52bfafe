import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { createProject, TEMPLATES } from '../../../lib/adapters/cli/newCommand.js';
import { readTemplates, TEMPLATES_BUDGET } from '../../../scripts/support/templates.js';

const base = mkdtempSync(join(tmpdir(), 'rxwire-new-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const templates = readTemplates();
const packed = gzipSync(JSON.stringify(templates), { level: 9 });
writeFileSync(join(base, 'templates.json.gz'), packed);
const source = { version: '1.2.3', templates: pathToFileURL(join(base, 'templates.json.gz')) };

const read = (...path: readonly string[]): string => readFileSync(join(...path), 'utf8');
const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort();

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

describe.each(TEMPLATES)('a new project of the template %s', (template) => {
  it('has the files of the example, and depends on this version of rxwire', async () => {
    const folder = join(base, 'deep', template);
    const paths = await createProject(template, folder, source);
    expect(filesOf(folder)).toEqual([...paths].sort());
    for (const path of paths) if (path !== 'package.json') expect(read(folder, path)).toBe(templates[template][path]);
    const { dependencies, scripts } = JSON.parse(read(folder, 'package.json')) as Manifest;
    expect(dependencies['rxwire']).toBe('^1.2.3');
    expect(scripts['start']).toEqual(expect.any(String));
  });

  it('declares each package that it imports', () => {
    const files = templates[template];
    const { dependencies, devDependencies } = JSON.parse(files['package.json'] ?? '') as Manifest;
    const imported = Object.entries(files)
      .filter(([path]) => /\.tsx?$/.test(path))
      .flatMap(([, text]) => [...text.matchAll(/from '((?:@[^/']+\/)?[^./'][^/']*)/g)].map(([, name = '']) => name))
      .filter((name) => !name.startsWith('node:'));
    expect([...new Set(imported)].filter((name) => !(name in { ...dependencies, ...devDependencies }))).toEqual([]);
  });
});

it('writes nothing into a folder that is not empty', async () => {
  const folder = join(base, 'taken');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), 'mine');
  await expect(createProject('chat', folder, source)).rejects.toThrow(`the folder ${folder} is not empty: name another one`);
  expect(filesOf(folder)).toEqual(['package.json']);
  expect(read(folder, 'package.json')).toBe('mine');
});

it('writes into an empty folder', async () => {
  const folder = join(base, 'empty');
  mkdirSync(folder);
  expect(await createProject('node', folder, source)).toContain('start.ts');
});

it('reports that the folder is a file', async () => {
  await expect(createProject('node', join(base, 'templates.json.gz'), source)).rejects.toThrow('ENOTDIR');
});

it('needs little space in the package', () => {
  expect(packed.length).toBeLessThan(TEMPLATES_BUDGET);
});
