import { existsSync } from 'node:fs';
import { climbing, cycles, floorOf } from './floors.js';
import { importsOf, libFiles, libImports, show } from './imports.js';

describe('the floors of lib/', () => {
  const imports = libImports();

  it('has a floor for every file', () => {
    expect(libFiles().filter((file) => floorOf(file) < 0)).toEqual([]);
  });

  it('imports only from below', () => {
    expect(climbing(imports)).toEqual([]);
  });

  it('has no import cycle', () => {
    expect(cycles(imports)).toEqual([]);
  });

  it('has a core that knows no IO: it imports messages, and the type of a codec', () => {
    const foreign = imports.filter(
      ({ from, file = 'a package', typeOnly }) =>
        from.startsWith('core/') && !/^(core|message)\//.test(file) && !(file === 'codec/codec.ts' && typeOnly),
    );
    expect(foreign.map(show)).toEqual([]);
    expect(imports.filter(({ from }) => from.startsWith('core/')).length).toBeGreaterThan(20);
  });

  it('imports only files that exist', () => {
    expect(imports.filter(({ file }) => file !== undefined && !existsSync(`lib/${file}`)).map(show)).toEqual([]);
  });
});

describe('the check of the floors', () => {
  it.each([
    ['a higher floor', 'operators/a.ts', `import { wire } from '../wire/wire.js';`],
    ['a higher floor, for a type', 'operators/a.ts', `import type { Wire } from '../wire/wire.js';`],
    ['a neighbour', 'operators/a.ts', `export * from '../codec/json.js';`],
    ['a higher floor, lazily', 'io/a.ts', `await import('../server/index.js');`],
    ['a door, from the top', 'index.ts', `export { metrics } from './adapters/metrics/index.js';`],
    ['an operator that needs a wire, from one that needs none', 'operators/a.ts', `import { b } from './queue/b.js';`],
    ['an operator that needs a wire, from a wire', 'wire/a.ts', `import { b } from '../operators/queue/b.js';`],
    ['a store of one backend, from a wire', 'wire/a.ts', `import { b } from '../stores/web/b.js';`],
    ['a door, inside a type', 'wire/a.ts', `let a: import('../adapters/testing/index.js').Marble;`],
  ])('refuses %s', (_, file, text) => {
    expect(climbing(importsOf(file, text))).toHaveLength(1);
  });

  it.each([
    ['its own room', 'operators/a.ts', `import './b.js';`],
    ['a part of the operators', 'io/a.ts', `import { b } from '../operators/timing/b.js';`],
    ['a lower floor', 'wire/a.ts', `import { b } from '../operators/b.js';`],
    ['another backend', 'stores/indexeddb/a.ts', `import { b } from '../web/b.js';`],
    ['a package', 'wire/a.ts', `import { of } from 'rxjs';`],
  ])('allows %s', (_, file, text) => {
    expect(climbing(importsOf(file, text))).toEqual([]);
  });

  it('names the import', () => {
    const [message] = climbing(importsOf('io/a.ts', `\nimport '../wire/b.js';`));
    expect(message).toMatch(/^lib\/io\/a\.ts:2 imports '\.\.\/wire\/b\.js'/);
  });

  it('finds a cycle, and reports it once', () => {
    const text = { 'io/a.ts': `import './b.js';`, 'io/b.ts': `import './c.js';`, 'io/c.ts': `import './a.js';` };
    const imports = Object.entries(text).flatMap(([file, source]) => importsOf(file, source));
    expect(cycles(imports)).toEqual(['io/a.ts → io/b.ts → io/c.ts → io/a.ts']);
  });
});
