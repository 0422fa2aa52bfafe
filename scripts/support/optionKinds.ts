import ts from 'typescript';
import { doors } from './doors.js';
import { root } from './run.js';

/** The letter of each kind of values, in the table of options. */
const LETTERS: readonly (readonly [flag: ts.TypeFlags, letter: string])[] = [
  [ts.TypeFlags.NumberLike, 'n'],
  [ts.TypeFlags.StringLike | ts.TypeFlags.TemplateLiteral, 's'],
  [ts.TypeFlags.BooleanLike, 'b'],
];
/** Any value: its type is unknown, or a parameter of the function. */
const ANY = ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.TypeParameter | ts.TypeFlags.IndexedAccess | ts.TypeFlags.Conditional;

/** The options that have options of their own. */
const NESTED = ['rateLimit', 'reconnect', 'retain', 'retry', 'system'];

/**
 * Returns the source of `lib/message/options/optionKinds.ts`: the options of each function that the package exports, and the kinds of their values, as the
 * declarations say.
 *
 * @param declared The folder of the declarations.
 */
export async function optionKinds(declared: string): Promise<string> {
  const files = (await doors()).map(({ module }) => `${declared}/${module}.d.ts`);
  const program = ts.createProgram(files, { target: ts.ScriptTarget.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext, strict: true, skipLibCheck: true, types: ['node'], typeRoots: [`${root}node_modules/@types`] }); // prettier-ignore
  const checker = program.getTypeChecker();
  const rows = new Map<string, string>();
  for (const file of files.flatMap((name) => program.getSourceFile(name) ?? [])) {
    const module = checker.getSymbolAtLocation(file);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (!(symbol.flags & ts.SymbolFlags.Function)) continue;
      addRows(exported.name, parametersOf(symbol, file, checker), rows, checker);
    }
  }
  const table = [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, kinds]) => `  ${/^\\w+$/.test(name) ? name : `'${name}'`}: '${kinds}',\n`);
  return `${HEAD}${table.join('')}};\n`;
}

const HEAD = `/* Written by \`npm run api\`, from the types. */

/**
 * The options of each function of the package, and the kinds of their values: \`n\` number, \`s\`
 * text, \`b\` boolean, \`f\` function, \`o\` object, \`z\` null, \`*\` any value.
 */
// prettier-ignore
export const OPTION_KINDS: Readonly<Record<string, string>> = {
`;

/** Returns the types of the options in all signatures of a function. */
function parametersOf(symbol: ts.Symbol, file: ts.SourceFile, checker: ts.TypeChecker): readonly ts.Type[] {
  const parameters = checker
    .getTypeOfSymbolAtLocation(symbol, file)
    .getCallSignatures()
    .flatMap((signature) => signature.parameters);
  return parameters.flatMap((parameter) => {
    const declared = parameter.valueDeclaration as ts.ParameterDeclaration | undefined;
    if (!/(?:Options|Config|MarbleSpec)\b/.test(declared?.type?.getText() ?? '')) return [];
    return objectsOf(checker.getTypeOfSymbolAtLocation(parameter, file), checker);
  });
}

const objectsOf = (type: ts.Type, checker: ts.TypeChecker): readonly ts.Type[] =>
  (type.isUnion() ? type.types : [type]).flatMap((one) => {
    if (checker.isTupleType(one)) return checker.getTypeArguments(one as ts.TypeReference).flatMap((part) => objectsOf(part, checker));
    return one.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) &&
      one.getCallSignatures().length === 0 &&
      !checker.isArrayLikeType(one)
      ? [one]
      : [];
  });

/** Adds the options of these types, and a row for each option that has options of its own. */
function addRows(name: string, types: readonly ts.Type[], rows: Map<string, string>, checker: ts.TypeChecker): void {
  const kinds = new Map<string, Set<string>>();
  for (const option of types.flatMap((type) => checker.getPropertiesOfType(checker.getApparentType(type)))) {
    const letters = kinds.get(option.name) ?? new Set();
    const type = checker.getTypeOfSymbol(option);
    addLetters(type, letters, checker);
    kinds.set(option.name, letters);
    if (NESTED.includes(option.name)) addRows(`${name}.${option.name}`, objectsOf(type, checker), rows, checker);
  }
  const text = ([option, letters]: [string, Set<string>]): string => `${option}:${letters.has('*') ? '*' : [...letters].sort().join('')}`;
  if (kinds.size > 0) rows.set(name, [...kinds].map(text).sort().join(' '));
}

function addLetters(type: ts.Type, letters: Set<string>, checker: ts.TypeChecker): void {
  const constraint = type.isTypeParameter() ? checker.getBaseConstraintOfType(type) : undefined;
  if (constraint) addLetters(constraint, letters, checker);
  else if (type.isUnion()) for (const one of type.types) addLetters(one, letters, checker);
  else if (type.flags & ANY) letters.add('*');
  else if (type.flags & ts.TypeFlags.Null) letters.add('z');
  else if (!(type.flags & ts.TypeFlags.Undefined)) letters.add(letterOf(type));
}

function letterOf(type: ts.Type): string {
  const letter = LETTERS.find(([flag]) => type.flags & flag)?.[1];
  if (letter !== undefined) return letter;
  const isFunction = type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0;
  return isFunction ? 'f' : 'o';
}
