import type { MarbleDiagram } from './marbleSpec.js';
import { diagramOf, stack, type ColourOf } from './svgDiagram.js';
import { axisOf, marginOf, PADDING, WIDTH } from './svgLayout.js';
import { element, escape, round } from './svgText.js';

/** The colours of marbles: dark enough for white text, and light enough for a dark page. */
export const COLOURS = ['#2563eb', '#c2410c', '#047857', '#be185d', '#7c3aed', '#0e7490', '#a16207', '#4d7c0f', '#475569', '#9f1239'];

/** The styles of a drawing, which follow the reader's colour scheme. */
export const STYLE = [
  '.mb{--card:#fff;--edge:#d8dee4;--ink:#1f2328;--soft:#656d76;--line:#57606a;--rest:#c3cad1;--grid:#eef1f4;--box:#f5f3ff;--rim:#8b7cf6;--name:#4c1d95;--bad:#dc2626;--pill:#f1f4f8}',
  '@media(prefers-color-scheme:dark){.mb{--card:#0d1117;--edge:#30363d;--ink:#e6edf3;--soft:#8d96a0;--line:#8b949e;--rest:#3d444d;--grid:#1b2129;--box:#1a1633;--rim:#7668d8;--name:#ddd6fe;--bad:#f85149;--pill:#21272f}}',
  ".mb text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;fill:var(--soft)}",
  ".mb .title{font:600 15px -apple-system,BlinkMacSystemFont,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif;fill:var(--ink)}",
  '.mb .mid{text-anchor:middle}',
  '.mb .card{fill:var(--card);stroke:var(--edge)}',
  '.mb .box{fill:var(--box);stroke:var(--rim);stroke-width:1.5}',
  '.mb .operator{font-size:14px;font-weight:600;fill:var(--name)}',
  '.mb .grid{stroke:var(--grid)}',
  '.mb .tick{stroke:var(--rest)}',
  '.mb .small{font-size:11px}',
  '.mb .line,.mb .idle,.mb .end{stroke:var(--line);stroke-width:2;fill:none}',
  '.mb .idle{stroke:var(--rest)}',
  '.mb .disc{stroke:var(--card);stroke-width:1.5}',
  '.mb .rest{stroke:var(--rest);stroke-width:2;stroke-dasharray:2 5;stroke-linecap:round}',
  '.mb .end{stroke-width:3;stroke-linecap:round}',
  '.mb .stem{stroke:var(--line);stroke-width:1.5}',
  '.mb .error{stroke:var(--bad);stroke-width:3.5;stroke-linecap:round}',
  '.mb .subscribe{fill:var(--line)}',
  '.mb .unsubscribe{fill:var(--card);stroke:var(--line);stroke-width:1.5}',
  '.mb .pill{fill:var(--pill);stroke:var(--line);stroke-width:1.5}',
  '.mb .label{fill:#fff;font-weight:600;text-anchor:middle}',
  '.mb .key{font-size:11px;font-weight:600;fill:var(--ink)}',
  '.mb .missed rect{fill:var(--card);stroke:var(--rest)}',
  '.mb .missed text{fill:var(--soft)}',
].join('');

const BETWEEN = 20;

/**
 * Draws recorded marbles as one picture for light and dark pages: the input streams, the operator,
 * the results.
 *
 * @param name The name of the picture, and the default label of the operator.
 * @returns A complete SVG document. The same diagrams give the same bytes.
 * @example
 * import { map } from 'rxjs';
 * import { collectMarbles, marble, renderMarbles } from 'rxwire/testing';
 *
 * const diagrams = await collectMarbles(async () => {
 *   marble('shouts', { source: '-a-b-|', expected: '-A-B-|' }, (letters) =>
 *     letters.pipe(map((letter) => letter.toUpperCase())),
 *   );
 * });
 * console.log(renderMarbles('shout', diagrams).slice(0, 4)); // prints: <svg
 */
export function renderMarbles(name: string, diagrams: readonly MarbleDiagram[]): string {
  const margin = marginOf(diagrams);
  const blocks = diagrams.map((diagram) => diagramOf(diagram, name, axisOf(diagram, margin), palette()));
  const rule = {
    height: 2 * BETWEEN,
    draw: (top: number) => element('path', { class: 'grid', d: `M${PADDING} ${top + BETWEEN}H${WIDTH - PADDING}` }),
  };
  const content = stack(blocks.flatMap((block, index) => (index === 0 ? [block] : [rule, block])));

  const height = round(content.height + 2 * PADDING);
  const title = element('title', {}, escape(`${name}: ${diagrams.map((diagram) => diagram.title).join('; ')}`));
  const card = element('rect', { class: 'card', x: 0.5, y: 0.5, width: WIDTH - 1, height: height - 1, rx: 10 });
  const root = { xmlns: 'http://www.w3.org/2000/svg', class: 'mb', role: 'img', viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height };
  return `${element('svg', root, [title, element('style', {}, STYLE), card, content.draw(PADDING)].join('\n'))}\n`;
}

/**
 * Returns the colours of a diagram. A letter, upper or lower case, has the same colour in every
 * picture, unless another letter of the diagram has it.
 */
function palette(): ColourOf {
  const slots: string[] = [];
  return (label) => {
    const name = label.toLowerCase();
    const preferred = Array.from(name).reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 3) % COLOURS.length;
    const order = COLOURS.map((_, index) => (preferred + index) % COLOURS.length);
    const slot = order.find((index) => slots[index] === name) ?? order.find((index) => slots[index] === undefined) ?? preferred;
    slots[slot] ??= name;
    return COLOURS[slot] ?? '';
  };
}
