import { resolve } from 'node:path';
import ts from 'typescript';
import type { Example } from './extract.js';

/** An example, checked, and ready to be run. */
export interface Compiled {
  readonly example: Example;
  /** Type errors, by line of the file that shows it. */
  readonly faults: readonly string[];
  /** CommonJS. */
  readonly script: string;
}

let compiler: ReturnType<typeof createCompiler> | undefined;
/** Where an example seems to lie: on top of the repository, as a user's program that has marbles beside it. */
const pathOf = (index: number, isJsx = false): string => resolve(`example${index}.ts${isJsx ? 'x' : ''}`);

/** Checks examples. Each is a program of its own: it imports and declares all that it uses. */
export function compile(examples: readonly Example[]): readonly Compiled[] {
  const { options, host } = (compiler ??= createCompiler());
  const whole = examples.map(({ code }) => `export {}; ${code}`);
  const files = new Map(whole.map((text, index) => [pathOf(index, examples[index]!.isJsx), text]));
  const programFor = (paths: readonly string[], old?: ts.Program): ts.Program =>
    ts.createProgram([...paths], options, serving(host, files), old);
  // One program for all is quick; but what an example adds to the library's types must not reach the others.
  const isApart = (path: string): boolean => files.get(path)?.includes('declare module') ?? false;
  const together = programFor([...files.keys()].filter((path) => !isApart(path)));
  return [...files].map(([path, text], index) => {
    const example = examples[index]!;
    const program = isApart(path) ? programFor([path], together) : together;
    const source = program.getSourceFile(path);
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return {
      example,
      faults: diagnostics.map((diagnostic) => describe(example, diagnostic)),
      script: ts.transpileModule(text, { compilerOptions: { ...options, module: ts.ModuleKind.CommonJS } }).outputText,
    };
  });
}

function createCompiler() {
  const options = compilerOptions();
  return { options, host: parsingOnce(ts.createCompilerHost(options)) };
}

/** The project's own strictness, but for unused names and for what Angular and JSX need. */
function compilerOptions(): ts.CompilerOptions {
  const config = ts.getParsedCommandLineOfConfigFile(
    'tsconfig.json',
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  );
  if (!config) throw new Error('tsconfig.json cannot be read');
  const lenient = { noUnusedLocals: false, noUnusedParameters: false, verbatimModuleSyntax: false };
  return { ...config.options, ...lenient, jsx: ts.JsxEmit.ReactJSX };
}

/** Each of the programs reads the same files: the library, rxjs, the DOM. They are parsed once, and bound once. */
function parsingOnce(host: ts.CompilerHost): ts.CompilerHost {
  const parsed = new Map<string, ts.SourceFile | undefined>();
  return {
    ...host,
    getSourceFile: (path, ...rest) => {
      if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, ...rest));
      return parsed.get(path);
    },
  };
}

function serving(host: ts.CompilerHost, files: ReadonlyMap<string, string>): ts.CompilerHost {
  return {
    ...host,
    fileExists: (path) => files.has(path) || host.fileExists(path),
    readFile: (path) => files.get(path) ?? host.readFile(path),
    getSourceFile: (path, target, ...rest) => {
      const text = files.get(path);
      return text === undefined ? host.getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target, true);
    },
  };
}

function describe({ file, line }: Example, { file: source, start = 0, messageText }: ts.Diagnostic): string {
  const offset = source?.getLineAndCharacterOfPosition(start).line ?? 0;
  return `${file}:${line + offset} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}
