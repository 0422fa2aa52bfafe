import { resolve } from 'node:path';
import ts from 'typescript';
import type { Example } from './extract.js';
import { freeNames } from './freeNames.js';

/** An example, checked, and ready to be run. */
export interface Compiled {
  readonly example: Example;
  /** Type errors, by line of the file that shows it. */
  readonly faults: readonly string[];
  /** CommonJS, for a function that gets `needs` by name. */
  readonly script: string;
  /** What it uses of the prelude. */
  readonly needs: readonly string[];
}

const PRELUDE = './spec/docs/prelude.js';
const DOORS = [
  'testing',
  'server',
  'node',
  'indexeddb',
  'protobuf',
  'metrics',
  'opentelemetry',
  'prometheus',
  'angular',
  'nats',
  'postgres',
];
const MODULES = ['rxjs', ...DOORS.map((door) => `rxwire/${door}`), 'rxwire'];
let compiler: ReturnType<typeof createCompiler> | undefined;
/** Where an example seems to lie: on top of the repository, as a user's program that has marbles beside it. */
const pathOf = (index: number, isJsx = false): string => resolve(`example${index}.ts${isJsx ? 'x' : ''}`);

/** Set while the docs are being rewritten: an example must declare and import all that it uses. */
const isComplete = (): boolean => process.env['COMPLETE'] === '1';

/**
 * Checks examples. What one uses without saying where it comes from is put before its first line: from the
 * prelude, a door of the library, rxjs, or the module whose docstring it is.
 */
export function compile(examples: readonly Example[], prelude: readonly string[]): readonly Compiled[] {
  const { options, host } = (compiler ??= createCompiler());
  const own = examples.map(({ file }) => (file.endsWith('.ts') ? `./${file.replace(/\.ts$/, '.js')}` : PRELUDE));
  const resolved = (module: string): string =>
    ts.resolveModuleName(module, pathOf(0), options, host).resolvedModule?.resolvedFileName ?? '';
  const surface = ts.createProgram([PRELUDE, ...MODULES, ...own].map(resolved), options, host);

  const known = new Map(prelude.map((name) => [name, PRELUDE]));
  for (const module of MODULES) for (const name of exportsOf(surface, resolved(module))) known.set(name, module);
  const whole = examples.map(({ code }, index) => {
    const module = own[index]!;
    if (isComplete()) return `export {}; ${code}`;
    const beside = module === PRELUDE ? [] : exportsOf(surface, resolved(module)).map((name) => [name, module] as const);
    return header(freeNames(code), new Map([...beside, ...known])) + code;
  });

  const files = new Map(whole.map((text, index) => [pathOf(index, examples[index]!.isJsx), text]));
  const programFor = (paths: readonly string[]): ts.Program =>
    ts.createProgram([resolved(PRELUDE), ...paths], options, serving(host, files), surface);
  // One program for all is quick; but what an example adds to the library's types must not reach the others.
  const isApart = (path: string): boolean => files.get(path)?.includes('declare module') ?? false;
  const together = programFor([...files.keys()].filter((path) => !isApart(path)));
  return [...files].map(([path, text], index) => {
    const example = examples[index]!;
    const program = isApart(path) ? programFor([path]) : together;
    const source = program.getSourceFile(path);
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return {
      example,
      faults: diagnostics.map((diagnostic) => describe(example, diagnostic)),
      script: ts.transpileModule(text, { compilerOptions: { ...options, module: ts.ModuleKind.CommonJS } }).outputText,
      needs: isComplete() ? [] : [...freeNames(example.code)].filter((name) => known.get(name) === PRELUDE),
    };
  });
}

function createCompiler() {
  const options = compilerOptions();
  return { options, host: parsingOnce(ts.createCompilerHost(options)) };
}

/** The project's own strictness, but for unused names and for what Angular's decorators and JSX need. */
function compilerOptions(): ts.CompilerOptions {
  const config = ts.getParsedCommandLineOfConfigFile(
    'tsconfig.json',
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  );
  if (!config) throw new Error('tsconfig.json cannot be read');
  const lenient = { noUnusedLocals: false, noUnusedParameters: false, verbatimModuleSyntax: false };
  return { ...config.options, ...lenient, experimentalDecorators: true, jsx: ts.JsxEmit.ReactJSX };
}

function exportsOf(program: ts.Program, file: string): readonly string[] {
  const source = program.getSourceFile(file);
  const checker = program.getTypeChecker();
  const symbol = source && checker.getSymbolAtLocation(source);
  return symbol ? checker.getExportsOfModule(symbol).map(({ name }) => name) : [];
}

/** On one line, so that the example keeps its line numbers. */
function header(names: Iterable<string>, known: ReadonlyMap<string, string>): string {
  const lines = [...names].map((name) => {
    const module = known.get(name);
    if (module === undefined) return '';
    return module === PRELUDE ? `declare const ${name}: import('${PRELUDE}').Prelude['${name}'];` : `import { ${name} } from '${module}';`;
  });
  return `export {}; ${lines.join('')}`;
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
