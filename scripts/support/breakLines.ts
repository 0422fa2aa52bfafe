import { readFile, writeFile } from 'node:fs/promises';
import { decode, encode, type SourceMapMappings, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import ts from 'typescript';

/** How long a line is before it ends, about. */
const LINE = 300;

interface SourceMap {
  readonly mappings: string;
  readonly sources: readonly string[];
}

/**
 * Breaks the lines of a minified module between statements: Node prints the whole line in which an error was thrown. The sources in the map of the module, if it
 * has one, become files of the package's folder, so that a stack trace names `rxwire`.
 */
export async function breakLines(file: string, hasMap: boolean): Promise<void> {
  const code = await readFile(file, 'utf8');
  const breaks = breaksOf(code);
  const parts = [0, ...breaks].map((start, index) => code.slice(start, breaks[index]));
  await writeFile(file, parts.join('\n'));
  if (!hasMap) return;
  const { mappings, sources, ...rest } = JSON.parse(await readFile(`${file}.map`, 'utf8')) as SourceMap;
  const moved = encode(movedMappings(decode(mappings), code, breaks));
  await writeFile(`${file}.map`, JSON.stringify({ ...rest, sources: sources.map((source) => source.replace('../', '')), mappings: moved }));
}

/** Returns the offsets of the statements that begin a new line. */
function breaksOf(code: string): readonly number[] {
  const breaks: number[] = [];
  const source = ts.createSourceFile('module.js', code, ts.ScriptTarget.ESNext, true);
  const visit = (node: ts.Node): void => {
    const start = node.getStart(source);
    const lineStart = Math.max(breaks.at(-1) ?? 0, code.lastIndexOf('\n', start) + 1);
    if (isListed(node) && start - lineStart > LINE) breaks.push(start);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return breaks;
}

/** Whether a node is a statement of a list: a line may end before it. */
function isListed(node: ts.Node): boolean {
  return !ts.isSourceFile(node) && (ts.isSourceFile(node.parent) || ts.isBlock(node.parent) || ts.isModuleBlock(node.parent));
}

function movedMappings(lines: SourceMapMappings, code: string, breaks: readonly number[]): SourceMapMappings {
  const waiting = [...breaks];
  let lineStart = 0;
  return code.split('\n').flatMap((text, line) => {
    let segments: SourceMapSegment[] = [];
    const parts = [segments];
    let column = 0;
    const breakBefore = (end: number): void => {
      while (waiting[0] !== undefined && waiting[0] <= lineStart + end) {
        column = waiting[0] - lineStart;
        waiting.shift();
        parts.push((segments = []));
      }
    };
    for (const [start, ...rest] of lines[line] ?? []) {
      breakBefore(start);
      segments.push([start - column, ...rest] as SourceMapSegment);
    }
    breakBefore(text.length);
    lineStart += text.length + 1;
    return parts;
  });
}
