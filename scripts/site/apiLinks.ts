import { existsSync, readFileSync } from 'node:fs';
import type { MarkdownRenderer } from 'vitepress';
import type { SidebarItem } from './navigation.js';
import { apiMembersFile, apiSidebarFile } from './siteFolders.js';

type Token = ReturnType<MarkdownRenderer['parse']>[number];
type TokenClass = new (type: string, tag: string, nesting: -1 | 0 | 1) => Token;

/** The exports of the package, as the API reference has them. */
export interface ApiNames {
  readonly entryPoints: readonly SidebarItem[];
  /** The names of functions that an option, a field or a method has, too. */
  readonly members: readonly string[];
}

/** An export, and its page. */
interface Target {
  readonly entryPoint: string;
  readonly link: string;
}

/** Reads what the last build of the API reference has written. Without a build, there are no names. */
export function readApiNames(): ApiNames {
  const read = (file: string): never[] => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as never[]) : []);
  return { entryPoints: read(apiSidebarFile), members: read(apiMembersFile) };
}

/**
 * Makes inline code in the text of a page that names an export lead to its page of the API
 * reference: `dedupe`, `json()`. Only the first mention in each section becomes a link, and none in
 * a heading or in another link.
 *
 * The code of the page decides about ambiguous names. An export of several entry points leads to the
 * one that the page imports from. A function whose name an option has, too, is linked if the page
 * imports the function, and not in a table, which may list the option.
 */
export function apiLinks(md: MarkdownRenderer, { entryPoints, members }: ApiNames = readApiNames()): void {
  const targets = targetsByName(entryPoints);
  md.core.ruler.push('api_links', (state) => {
    const { frontmatter } = state.env as { readonly frontmatter?: { readonly file?: string } };
    if (!/^(docs\/|README)/.test(frontmatter?.file ?? '')) return;
    const imports = importsIn(state.tokens);
    const linkOf = (code: string, isInTable: boolean): string | undefined => {
      const name = code.replace(/\(\)$/, '');
      const all = targets.get(name) ?? [];
      const isAmbiguous = members.includes(name) && !code.endsWith('()');
      const [target, ...others] = all.filter(({ entryPoint }) =>
        isAmbiguous ? !isInTable && imports.has(`${entryPoint} ${name}`) : all.length === 1 || imports.has(entryPoint),
      );
      return others.length === 0 ? target?.link : undefined;
    };
    let linked = new Set<string>();
    state.tokens.forEach((token, index, tokens) => {
      const opener = tokens[index - 1]?.type;
      if (opener === 'heading_open') linked = new Set();
      else if (opener !== 'th_open' && token.children)
        token.children = withLinks(token.children, (code) => linkOf(code, opener === 'td_open'), linked, state.Token);
    });
  });
}

function targetsByName(entryPoints: readonly SidebarItem[]): ReadonlyMap<string, readonly Target[]> {
  const targets = new Map<string, Target[]>();
  for (const { text: entryPoint, items: groups = [] } of entryPoints) {
    for (const { text, link = '' } of groups.flatMap(({ items = [] }) => items)) {
      const others = targets.get(text) ?? [];
      // A constant and the type of its values share a name: the page of the constant has the values.
      if (others.every((other) => other.entryPoint !== entryPoint)) targets.set(text, [...others, { entryPoint, link }]);
    }
  }
  return targets;
}

/** What the code of a page imports: `rxwire/server`, and `rxwire/server listen`. */
function importsIn(tokens: readonly Token[]): ReadonlySet<string> {
  const code = tokens.flatMap(({ type, content }) => (type === 'fence' ? [content] : [])).join('\n');
  const imports = [...code.matchAll(/\bimport (?:type )?\{([^}]*)\} from '(rxwire[\w/-]*)'/g)];
  return new Set(
    imports.flatMap(([, names = '', entryPoint = '']) => [
      entryPoint,
      ...[...names.matchAll(/\w+/g)].map(([name]) => `${entryPoint} ${name}`),
    ]),
  );
}

/** Puts links around the codes that name an export, unless the section has linked the name before. */
function withLinks(
  tokens: readonly Token[],
  linkOf: (code: string) => string | undefined,
  linked: Set<string>,
  Create: TokenClass,
): Token[] {
  let depth = 0;
  return tokens.flatMap((token) => {
    if (token.type === 'link_open' || token.type === 'link_close') depth += token.nesting;
    const link = token.type === 'code_inline' ? linkOf(token.content) : undefined;
    if (link === undefined || linked.has(link)) return [token];
    linked.add(link);
    if (depth > 0) return [token];
    const open = new Create('link_open', 'a', 1);
    open.attrs = [
      ['href', link],
      ['class', 'api-link'],
    ];
    return [open, token, new Create('link_close', 'a', -1)];
  });
}
