import { readdirSync, readFileSync } from 'node:fs';
import { filesBelow } from '../../scripts/support/filesBelow.js';

const WIDTH = 100;
const pages = [...readdirSync('.').filter((file) => file.endsWith('.md')), ...filesBelow('docs', '.md')];

/** The lines of prose that are too wide, and could be broken at a space: code, tables, headings and addresses may be wider. */
function tooWide(lines: readonly string[]): readonly number[] {
  let isCode = false;
  return lines.flatMap((line, index) => {
    const isFence = /^\s*(```|~~~)/.test(line);
    if (isFence) isCode = !isCode;
    const isProse = !isFence && !isCode && !/^\s*(\||#|<|\[[^\]]+\]:|!\[|\[!\[)/.test(line);
    return isProse && line.length > WIDTH && hasBreak(line) ? [index + 1] : [];
  });
}

function hasBreak(line: string): boolean {
  const start = /^\s*(?:[-*+>]|\d+[.)]|\/\/|\*|\/\*\*)?\s*/.exec(line)?.[0].length ?? 0;
  return line
    .slice(start, WIDTH)
    .replaceAll(/`[^`]*(`|$)/g, '')
    .includes(' ');
}

/** The prose of the comments of a module: without the examples of docstrings, and without the orders to tools. */
function comments(text: string): readonly string[] {
  let isExample = false;
  return text.split('\n').map((line) => {
    if (/^\s*(\/\*\*|\*\/)/.test(line)) isExample = false;
    if (/^\s*\* @/.test(line)) isExample = line.includes('@example');
    if (isExample || !/^\s*(\*|\/\*\*|\/\/)/.test(line) || /eslint|@ts-|prettier/.test(line)) return '';
    return /^\s*\* {5}/.test(line) ? '' : line.replace(/^(\s*\*) ?(\||```)/, '$2');
  });
}

describe('the width of prose', () => {
  it.each(pages)('%s', (file) => {
    expect(tooWide(readFileSync(file, 'utf8').split('\n'))).toEqual([]);
  });

  it.each(filesBelow('lib', '.ts'))('the comments of %s', (file) => {
    expect(tooWide(comments(readFileSync(file, 'utf8')))).toEqual([]);
  });

  it('finds a line that is too wide, and leaves code, tables and long addresses alone', () => {
    const long = 'word '.repeat(30);
    const lines = [long, `| ${long} |`, '```', long, '```', `- ${long}`, `- [a](${'x'.repeat(120)})`, 'short'];
    expect(tooWide(lines)).toEqual([1, 6]);
    expect(tooWide(comments(`/** ${long} */\n  // ${long}\n * @example\n * ${long}\n */`))).toEqual([1, 2]);
  });
});
