import { packedManifest } from '../../scripts/support/packedManifest.js';
import { packedPage } from '../../scripts/support/packedPages.js';
import { FILES_BUDGET, packageReport, packageSize, UNPACKED_BUDGET } from '../../scripts/support/packageBudget.js';

describe('a page of the package', () => {
  const page = (text: string): string => packedPage('docs/errors.md', text, ['README.md', 'docs/errors.md', 'docs/kept.md']);

  it('keeps links to packed files, to anchors, and to other sites', () => {
    const text = '# Errors\n\n[start](../README.md), [a](kept.md#b), [below](#below), [a site](https://example.org/x.md)\n';
    expect(page(text)).toBe(text);
  });

  it('names the file of a link that is not packed, and says where these files are', () => {
    expect(page('# Errors\n\nSee [`consume`](guide/processing.md#retries), or\n[the\nwire](./guide/wire.md).\n')).toBe(
      '# Errors\n\n> Paths in parentheses, such as `docs/README.md`, are files of the repository of rxwire. They are not included here.\n' +
        '\nSee `consume` (`docs/guide/processing.md#retries`), or\nthe\nwire (`docs/guide/wire.md`).\n',
    );
  });

  it('describes a picture', () => {
    expect(page('![Two\nwires](images/two.svg)')).toBe('*Picture: Two\nwires*');
  });

  it('does not change code', () => {
    const text = '# Errors\n\n```ts\nconst [a](b.md) = 1;\n```\n\n`[a](b.md)`\n';
    expect(page(text)).toBe(text);
  });
});

describe('the manifest of the package', () => {
  it('has the paths of dist/, and nothing that only the repository needs', () => {
    const manifest = {
      name: 'rxwire',
      version: '1.2.3',
      imports: { '#development': { default: './dist/esm/c.js' } },
      browser: { './dist/esm/a.js': './dist/esm/b.js' },
      exports: { '.': { import: './dist/esm/index.js' } },
      scripts: { build: 'make' },
      devDependencies: { jest: '1' },
    };
    expect(packedManifest(manifest)).toEqual({
      name: 'rxwire',
      version: '1.2.3',
      imports: { '#development': { default: './esm/c.js' } },
      browser: { './esm/a.js': './esm/b.js' },
      exports: { '.': { import: './esm/index.js' } },
    });
  });
});

describe('the budget of the package', () => {
  const files = [
    { path: 'esm/index.js', size: UNPACKED_BUDGET - 10 },
    { path: 'esm/index.js.map', size: 5_000_000 },
  ];

  it('does not count source maps', () => {
    const size = packageSize({ size: 1_000, files });
    expect(size).toEqual({ packed: 1_000, unpacked: UNPACKED_BUDGET + 4_999_990, withoutMaps: UNPACKED_BUDGET - 10, files: 2 });
    expect(packageReport(size).isOver).toBe(false);
  });

  it.each([
    ['bytes', [...files, { path: 'README.md', size: 11 }], 'unpacked, without maps'],
    ['files', Array.from({ length: FILES_BUDGET + 1 }, (_, index) => ({ path: `${index}.js`, size: 1 })), 'files'],
  ])('limits the %s', (_, some, name) => {
    const { isOver, lines } = packageReport(packageSize({ size: 1_000, files: some }));
    expect(isOver).toBe(true);
    expect(lines.filter((line) => line.endsWith('OVER BUDGET')).map((line) => line.split('  ')[0])).toEqual([name]);
  });
});
