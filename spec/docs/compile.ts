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

const PRELUDE = './prelude.js';
const MODULES = ['rxjs', 'rxwire/testing', 'rxwire/server', 'rxwire'];
const folder = resolve('spec/docs');

/**
 * Checks all examples as one program. What an example uses without saying where it comes from is put before its first line: from the
 * prelude, a door of the library, rxjs, or the module whose docstring it is.
 */
export function compile(examples: readonly Example[], prelude: readonly string[]): readonly Compiled[] {
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const sources = examples.map(({ file }) => file).filter((file) => file.endsWith('.ts'));
  const surface = ts.createProgram([`${folder}/prelude.ts`, ...sources], options, host);

  const known = new Map(prelude.map((name) => [name, PRELUDE]));
  for (const module of MODULES) for (const name of exportsOf(surface, module, options, host)) known.set(name, module);
  const whole = examples.map((example) => {
    const module = example.file.replace(/^lib\/(.*)\.ts$/, '../../lib/$1.js');
    const own = module === example.file ? [] : exportsOf(surface, module, options, host);
    return header(freeNames(example.code), new Map([...own.map((name) => [name, module] as const), ...known])) + example.code;
  });

  const files = new Map(whole.map((text, index) => [`${folder}/example${index}.ts`, text]));
  const program = ts.createProgram([`${folder}/prelude.ts`, ...files.keys()], options, serving(host, files), surface);
  return [...files].map(([path, text], index) => {
    const example = examples[index]!;
    const source = program.getSourceFile(path);
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return {
      example,
      faults: diagnostics.map((diagnostic) => describe(example, diagnostic)),
      script: ts.transpileModule(text, { compilerOptions: { ...options, module: ts.ModuleKind.CommonJS } }).outputText,
      needs: [...freeNames(example.code)].filter((name) => known.get(name) === PRELUDE),
    };
  });
}

/** The project's own strictness, but for unused names and for what Angular's decorators need. */
function compilerOptions(): ts.CompilerOptions {
  const config = ts.getParsedCommandLineOfConfigFile(
    'tsconfig.json',
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  );
  if (!config) throw new Error('tsconfig.json cannot be read');
  return { ...config.options, noUnusedLocals: false, noUnusedParameters: false, verbatimModuleSyntax: false, experimentalDecorators: true };
}

function exportsOf(program: ts.Program, module: string, options: ts.CompilerOptions, host: ts.CompilerHost): readonly string[] {
  const resolved = ts.resolveModuleName(module, `${folder}/prelude.ts`, options, host).resolvedModule;
  const source = resolved && program.getSourceFile(resolved.resolvedFileName);
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
