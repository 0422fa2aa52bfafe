import { existsSync } from 'node:fs';
import type { MarkdownRenderer } from 'vitepress';
import { root } from '../support/run.js';

const pipelines = `${root}docs/.vitepress/theme/playground/pipelines/`;

/**
 * Adds a playground to each marble diagram that has a pipeline: before the diagram on the page of
 * an operator, and as a button below it elsewhere.
 */
export function playgrounds(md: MarkdownRenderer): void {
  md.core.ruler.push('playgrounds', (state) => {
    const { relativePath = '' } = state.env as { readonly relativePath?: string };
    const isOperator = relativePath.startsWith('operators/');
    state.tokens = state.tokens.flatMap((token, index, tokens) => {
      const opens = token.type === 'paragraph_open' && isOperator;
      const closes = token.type === 'paragraph_close' && !isOperator;
      const content = opens ? tokens[index + 1] : tokens[index - 1];
      const name = (opens || closes) && diagramIn(content?.children?.map((child) => child.attrGet('src')) ?? []);
      if (!name) return [token];
      const added = new state.Token('html_block', '', 0);
      added.content = `<PlaygroundPlace name="${name}"${isOperator ? ' open' : ''} />\n`;
      return opens ? [added, token] : [token, added];
    });
  });
}

/** The name of the only picture of a paragraph, if it is a diagram that has a pipeline. */
function diagramIn(sources: readonly (string | null)[]): string | undefined {
  const name = sources.length === 1 ? /(?:^|\/)marbles\/(\w+)\.svg$/.exec(sources[0] ?? '')?.[1] : undefined;
  return name !== undefined && existsSync(`${pipelines}${name}.ts`) ? name : undefined;
}
