import type { Input, Marbles, OptionValue } from './playground.js';

/**
 * Returns the text of a test for jest, which expects what the diagram shows.
 *
 * @param file The text of the file of the pipeline.
 */
export function copiedTest(name: string, file: string, { lines, options }: Input, { lines: shown, values, hasError }: Marbles): string {
  const head = file
    .replace(/^export const (lines|outputs|choices) = [\s\S]*?;\n/gm, '')
    .replace(/^export const options = [\s\S]*?;\n/m, `const options = ${literal(options)};\n`)
    .replace(/^export /gm, '');
  const { source = '', unsub, ...inputs } = lines;
  const outputs = Object.fromEntries(shown.filter(({ role }) => role === 'output').map(({ name: output, marbles }) => [output, marbles]));
  const expected = shown.find(({ role }) => role === 'result')?.marbles ?? '';
  const fields = [
    ['source', quote(source)],
    ['unsub', unsub && quote(unsub)],
    ['inputs', fieldsOf(inputs)],
    ['outputs', fieldsOf(outputs)],
    ['expected', quote(expected)],
    ['error', hasError ? 'expect.any(Error)' : undefined],
    ['values', Object.keys(values).length > 0 ? JSON.stringify(values) : undefined],
  ].flatMap(([field, text]) => (text === undefined ? [] : [`    ${field}: ${text},`]));
  const testing = head.includes("from 'rxwire/testing'");
  const imports = testing
    ? head.replace(/import \{ (.*) \} from 'rxwire\/testing';/, "import { $1, marble } from 'rxwire/testing';")
    : head.replace(/(^import [\s\S]*?from 'rxwire';\n)/m, "$1import { marble } from 'rxwire/testing';\n");
  return `${imports}\nmarble(\n  '${name} does this',\n  {\n${fields.join('\n')}\n  },\n  pipeline(options),\n);\n`;
}

function literal(options: Readonly<Record<string, OptionValue>>): string {
  const entries = Object.entries(options).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? `${quote(value)} as const` : value}`,
  );
  return entries.length > 0 ? `{ ${entries.join(', ')} }` : '{}';
}

function fieldsOf(texts: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(texts).map(([name, text]) => `${name}: ${quote(text)}`);
  return entries.length > 0 ? `{ ${entries.join(', ')} }` : undefined;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
