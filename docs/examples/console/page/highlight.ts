import { make } from './dom.js';

const KEYWORDS =
  'async await break case catch class const continue debugger default delete do else export extends false finally for from function if import in instanceof let new null of return static super switch this throw true try typeof undefined var void while yield';

const TOKEN = new RegExp(
  [
    String.raw`(?<comment>//.*|/\*[\s\S]*?(?:\*/|$))`,
    String.raw`(?<string>'(?:\\.|[^'\\\n])*'?|"(?:\\.|[^"\\\n])*"?|${'`'}(?:\\[\s\S]|[^${'`'}\\])*${'`'}?)`,
    String.raw`(?<keyword>\b(?:${KEYWORDS.replaceAll(' ', '|')})\b)`,
    String.raw`(?<number>\b\d[\w.]*)`,
    String.raw`(?<call>[A-Za-z_$][\w$]*(?=\())`,
  ].join('|'),
  'g',
);

/** Past this, colours cost more than they are worth. */
const MAX_COLOURED = 50_000;

/** JavaScript as coloured text. A rough eye is enough: it knows words, not grammar. */
export function highlight(code: string): (string | HTMLSpanElement)[] {
  if (code.length > MAX_COLOURED) return [code];
  const parts: (string | HTMLSpanElement)[] = [];
  let end = 0;
  for (const { 0: text, index, groups = {} } of code.matchAll(TOKEN)) {
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined) ?? '';
    parts.push(code.slice(end, index), make('span', text, kind));
    end = index + text.length;
  }
  return [...parts, code.slice(end)];
}
