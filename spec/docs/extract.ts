/** A piece of code that the docs show. */
export interface Example {
  readonly file: string;
  /** Where its first line stands in the file, from 1. */
  readonly line: number;
  readonly code: string;
  /** False for those that are only type-checked: fenced as `ts no-run`, `ts angular`, `tsx` or `vue`. */
  readonly runs: boolean;
  /** Whether it has JSX. */
  readonly isJsx?: boolean;
}

/** The `ts` blocks of a Markdown text, or the `@example`s of a TypeScript text. */
export function examplesOf(file: string, text: string): readonly Example[] {
  return file.endsWith('.md') ? fenced(file, text, 1) : docstrings(text).flatMap(({ line, code }) => fencedOrWhole(file, code, line));
}

/** The lines that an example says it prints. */
export function expectedOutput(code: string): readonly string[] {
  return [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, text = '']) => text.trim());
}

/** Fences that hold code under a name by which nobody checks it. */
export function unchecked(file: string, text: string): readonly string[] {
  return fences(text)
    .filter(
      ({ info }) => /^(js|jsx|javascript|typescript|mts)\b/i.test(info) || (/^ts\b/.test(info) && !/^ts( no-run| angular)?$/.test(info)),
    )
    .map(({ line, info }) => `${file}:${line - 1} is fenced as "${info}": use ts, ts no-run, ts angular, tsx or vue`);
}

function fenced(file: string, text: string, start: number): readonly Example[] {
  return fences(text)
    .filter(({ info }) => /^(tsx?|vue)\b/.test(info))
    .map(({ line, info, code }) => {
      const script = info === 'vue' ? scriptOf(code) : { code, before: 0 };
      return {
        file,
        line: line + script.before + start - 1,
        code: script.code,
        runs: info === 'ts',
        ...(info === 'tsx' && { isJsx: true }),
      };
    });
}

/** The script of a component of Vue, and the number of the lines before it. */
function scriptOf(component: string): { readonly code: string; readonly before: number } {
  const [tag = '', code = ''] = /<script[^>]*>\n([\s\S]*?)<\/script>/.exec(component) ?? [];
  return { code, before: tag === '' ? 0 : lineAt(component, component.indexOf(code)) - 1 };
}

function fencedOrWhole(file: string, code: string, line: number): readonly Example[] {
  return code.includes('```') ? fenced(file, code, line) : [{ file, line, code, runs: true }];
}

function fences(text: string): readonly { readonly line: number; readonly info: string; readonly code: string }[] {
  return [...text.matchAll(/^( *)```([^\n`]*)\n([\s\S]*?)^\1```/gm)].map(({ index, 1: indent = '', 2: info = '', 3: code = '' }) => ({
    line: lineAt(text, index) + 1,
    info: info.trim(),
    code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** What follows each `@example` of the doc comments, up to the next tag, without the stars. */
function docstrings(text: string): readonly { readonly line: number; readonly code: string }[] {
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(({ 0: comment, index }) => {
    const bare = comment.replace(/\s*\*\/$/, '').replaceAll(/^ *\/?\*+ ?/gm, '');
    const examples = bare.matchAll(/^@example *\n([\s\S]*?)(?=^@[a-z]+\b|(?![\s\S]))/gm);
    return [...examples].map(({ index: offset, 1: code = '' }) => ({ line: lineAt(text, index) + lineAt(bare, offset), code }));
  });
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
