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
    ['a higher floor, lazily', 'link/a.ts', `await import('../server/index.js');`],
    ['a door, from the top', 'index.ts', `export { listen } from './server/index.js';`],
    ['the older protocol, from the session', 'session/a.ts', `import { b } from '../envelope/b.js';`],
    ['its part of the server, from a wire', 'wire/a.ts', `import { b } from '../envelope/server/b.js';`],
    ['a door, inside a type', 'wire/a.ts', `let a: import('../testing/index.js').Marble;`],
  ])('refuses %s', (_, file, text) => {
    expect(climbing(importsOf(file, text))).toHaveLength(1);
  });

  it.each([
    ['its own room', 'operators/a.ts', `import './b.js';`],
    ['a neighbour on the ground', 'internal/a.ts', `import { b } from '../message/b.js';`],
    ['a lower floor', 'wire/a.ts', `import { b } from '../operators/b.js';`],
    ['the older protocol, from its room in the server', 'server/a.ts', `import { b } from '../envelope/server/b.js';`],
    ['a package', 'wire/a.ts', `import { of } from 'rxjs';`],
  ])('allows %s', (_, file, text) => {
    expect(climbing(importsOf(file, text))).toEqual([]);
  });

  it('names the import', () => {
    const [message] = climbing(importsOf('link/a.ts', `\nimport '../wire/b.js';`));
    expect(message).toMatch(/^lib\/link\/a\.ts:2 imports '\.\.\/wire\/b\.js'/);
  });

  it('finds a cycle, and reports it once', () => {
    const text = { 'link/a.ts': `import './b.js';`, 'link/b.ts': `import './c.js';`, 'link/c.ts': `import './a.js';` };
    const imports = Object.entries(text).flatMap(([file, source]) => importsOf(file, source));
    expect(cycles(imports)).toEqual(['link/a.ts → link/b.ts → link/c.ts → link/a.ts']);
  });
});
