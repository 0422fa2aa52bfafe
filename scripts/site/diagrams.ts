import { renderMermaidSVG } from 'beautiful-mermaid';
import type { MarkdownRenderer } from 'vitepress';

const fonts = "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif";
const colours = 'svg{--bg:#fff;--fg:#1f2328}@media(prefers-color-scheme:dark){svg{--bg:#0d1117;--fg:#e6edf3}}';

/** Draws each fence of the language `mermaid` as a picture for light and dark pages. */
export function diagrams(md: MarkdownRenderer): void {
  const { fence } = md.renderer.rules;
  if (!fence) throw new Error('VitePress has no rule for fences');
  md.renderer.rules.fence = (tokens, index, options, environment, self) => {
    const token = tokens[index];
    if (token?.info.trim() !== 'mermaid') return fence(tokens, index, options, environment, self);
    const picture = encodeURIComponent(draw(token.content));
    return `<p><img class="diagram" src="data:image/svg+xml,${picture}" alt="${md.utils.escapeHtml(describe(token.content))}"></p>\n`;
  };
}

/** The picture, with the fonts of the system in place of a font from another host. */
function draw(text: string): string {
  return renderMermaidSVG(text)
    .replace(/ *@import url\('[^']*'\);\n/, '')
    .replace(/font-family: [^;]*;/, `font-family: ${fonts};`)
    .replace(/style="--bg:[^"]*"/, '')
    .replace('<style>', `<style>${colours}`);
}

/** The lines of the diagram as text: `QUEUED to SEQUENCED: in a batch`. */
function describe(text: string): string {
  const [, ...lines] = text.trim().split('\n');
  return lines.map((line) => line.trim().replace('-->', 'to').replaceAll('[*]', 'outside')).join('; ');
}
