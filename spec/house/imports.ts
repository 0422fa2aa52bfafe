import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { filesBelow } from '../../scripts/support/filesBelow.js';

/** One import of a module, as written in a file of lib/. */
export interface Import {
  /** The importing file, from lib/: `operators/dedupe.ts`. */
  readonly from: string;
  readonly line: number;
  readonly specifier: string;
  /** The imported file, from lib/; undefined for a package. */
  readonly file: string | undefined;
  /** Written as `import('…')`: loaded when it is reached, not with the module. */
  readonly lazy: boolean;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
}

let ofLib: readonly Import[] | undefined;

/** Every import of every file of lib/, read once. */
export function libImports(): readonly Import[] {
  return (ofLib ??= libFiles().flatMap((file) => importsOf(file, readFileSync(`lib/${file}`, 'utf8'))));
}

export function libFiles(): readonly string[] {
  return filesBelow('lib', '.ts').map((file) => file.slice('lib/'.length));
}

/** What a source text imports: statements, re-exports, `import('…')`, and types written as `import('…').Name`. */
export function importsOf(from: string, text: string): readonly Import[] {
  const source = ts.createSourceFile(from, text, ts.ScriptTarget.ESNext, true);
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, lazy: boolean, typeOnly: boolean): void => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    const file = node.text.startsWith('.') ? posix.join(posix.dirname(from), node.text).replace(/\.js$/, '.ts') : undefined;
    found.push({ from, line: line + 1, specifier: node.text, file, lazy, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, false, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, false, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, false, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], true, false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The imports met on the way from a file, through lib/, that are there at run time. */
export function reachable(entry: string, imports: readonly Import[]): readonly Import[] {
  const seen = new Set<string>();
  const walk = (file: string): readonly Import[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    const own = imports.filter(({ from, typeOnly }) => from === file && !typeOnly);
    return [...own, ...own.flatMap((one) => (one.file === undefined ? [] : walk(one.file)))];
  };
  return walk(entry);
}

/** How a failing test names an import. */
export function show({ from, line, specifier }: Import): string {
  return `lib/${from}:${line} imports '${specifier}'`;
}
