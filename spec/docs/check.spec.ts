import { examplesOf, unchecked } from './extract.js';

const fence = (info: string, code: string): string => `Text.\n\n\`\`\`${info}\n${code}\n\`\`\`\n`;

describe('examplesOf', () => {
  it('finds the ts blocks of a Markdown file, and where they are', () => {
    const text = fence('ts', 'one();') + fence('sh', 'npm ci') + fence('ts no-run', 'two();\nthree();');
    expect(examplesOf('a.md', text)).toEqual([
      { file: 'a.md', line: 4, code: 'one();\n', runs: true },
      { file: 'a.md', line: 14, code: 'two();\nthree();\n', runs: false },
    ]);
  });

  it('finds the script of a component of Vue, and JSX', () => {
    const text = fence('vue', '<script setup>\none();\n</script>\n<template></template>') + fence('tsx', '<a />;');
    expect(examplesOf('a.md', text)).toEqual([
      { file: 'a.md', line: 5, code: 'one();\n', runs: false },
      { file: 'a.md', line: 12, code: '<a />;\n', runs: false, isJsx: true },
    ]);
  });

  it('finds each @example of a docstring, up to the next tag', () => {
    const text = '/**\n * Does.\n *\n * @example\n * one();\n * @example\n * two({\n *   a,\n * });\n * @see it\n */\nexport {};\n';
    expect(examplesOf('a.ts', text)).toEqual([
      { file: 'a.ts', line: 5, code: 'one();\n', runs: true },
      { file: 'a.ts', line: 7, code: 'two({\n  a,\n});\n', runs: true },
    ]);
  });

  it('takes a fence in a docstring at its word', () => {
    const [example] = examplesOf('a.ts', '/**\n * @example\n * ```ts no-run\n * one();\n * ```\n */');
    expect(example).toEqual({ file: 'a.ts', line: 4, code: 'one();\n', runs: false });
  });

  it('reports code fences that are not checked', () => {
    expect(unchecked('a.md', fence('js', 'one();') + fence('ts norun', '') + fence('ts angular', '') + fence('json', '{}'))).toHaveLength(
      2,
    );
  });
});
