import type { DefaultTheme } from 'vitepress';

type Render = NonNullable<DefaultTheme.LocalSearchOptions['_render']>;

/**
 * Renders a page for the index of the search: its code without colours. A page of the API reference
 * is found by its headings and descriptions. Its code and tables are left out: they name the types
 * of half the library.
 */
export const searchText: Render = (text, environment, md) => {
  const { highlight } = md.options;
  md.options.highlight = null;
  try {
    const isReference = environment.relativePath.startsWith('api/');
    const html = md.render(isReference ? descriptionsOf(text) : text, environment);
    return environment.frontmatter?.['search'] === false ? '' : html;
  } finally {
    md.options.highlight = highlight ?? null;
  }
};

function descriptionsOf(text: string): string {
  return text
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/^\|.*$/gm, '')
    .replace(
      /^(?:#+ (?:Parameters|Type Parameters|Call Signature|Example|Examples|Constructors?|Properties|Methods|Extends|Returns))$/gm,
      '',
    )
    .replace(/^ {4}.*$/gm, '');
}
