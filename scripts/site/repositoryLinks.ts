import { posix } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { isExternal, linkedFile, linkTo, sitePage } from './sitePaths.js';

interface Environment {
  readonly relativePath?: string;
  readonly frontmatter?: { readonly file?: string };
}

/** Makes the relative links and pictures of a file of the repository lead to the pages of the site. */
export function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('repository_links', (state) => {
    const { relativePath: page, frontmatter } = state.env as Environment;
    const file = frontmatter?.file;
    if (file === undefined || page === undefined) return;
    for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
      const attribute = token.type === 'image' ? 'src' : 'href';
      const target = token.attrGet(attribute);
      if (target === null || target.startsWith('#') || isExternal(target)) continue;
      token.attrSet(attribute, onSite(file, page, target));
    }
  });
}

function onSite(file: string, page: string, target: string): string {
  const linked = sitePage(linkedFile(file, target));
  // VitePress takes pictures from the folder of the page.
  if (linked.kind === 'picture') return `./${posix.relative(posix.dirname(page), linked.page)}`;
  const anchor = target.includes('#') ? target.slice(target.indexOf('#')) : '';
  return linkTo(linked.page) + anchor;
}
