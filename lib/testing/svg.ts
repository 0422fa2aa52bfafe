import type { MarbleDiagram } from './marbleSpec.js';
import { diagramOf, stack } from './svgDiagram.js';
import { PADDING, WIDTH, axisOf, marginOf } from './svgLayout.js';
import type { ColourOf } from './svgMarks.js';
import { element, escape, round } from './svgText.js';
import { COLOURS, STYLE } from './svgTheme.js';

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
