import { existsSync, readdirSync, readFileSync } from 'node:fs';

const operators = readdirSync('lib/operators').flatMap((file) => (file.endsWith('.ts') ? [file.replace('.ts', '')] : []));

describe.each(operators)('the operator %s', (name) => {
  it.each([`spec/operators/${name}.spec.ts`, `spec/types/${name}.ts`, `marbles/${name}.ts`, `docs/operators/${name}.md`])(
    'has %s',
    (file) => {
      expect(existsSync(file)).toBe(true);
    },
  );

  it('passes the contract of every operator', () => {
    expect(readFileSync(`spec/operators/${name}.spec.ts`, 'utf8')).toMatch(/operatorContract(<\w+>)?\(/);
  });

  it('is exported by the main door', () => {
    expect(readFileSync('lib/index.ts', 'utf8')).toMatch(new RegExp(`\\b${name}\\b[^;]*from './operators/${name}.js'`));
  });
});
