import { show } from './marbleDifference.js';
import type { MarbleDiagram, MarbleLine } from './marbleSpec.js';
import { FONT, LEVEL, MAX_NAME, PADDING, SMALL, WIDTH, labelOf, letterOf, partWidth, place, tickStep, type Axis } from './svgLayout.js';
import { drawLine, drawPart, type ColourOf } from './svgMarks.js';
import { element, escape, round, shorten, textWidth, wrap } from './svgText.js';

const TITLE = 15;
const LANE = 50;
const MAX_MEANING = 60;

/** A part of a picture, with coordinates from its upper edge. */
interface Block {
  readonly height: number;
  readonly draw: (top: number) => string;
}

/**
 * Draws one diagram: its title, the input streams, the operator, the output streams, the time axis,
 * and the legend of letters.
 */
export function diagramOf(diagram: MarbleDiagram, name: string, axis: Axis, colourOf: ColourOf): Block {
  const lanes = diagram.lines.map((line) => laneOf(line, diagram, axis, colourOf));
  const entrances = diagram.lines.filter(({ role }) => role === 'source' || role === 'input').length;
  const streams = stack([...lanes.slice(0, entrances), operatorOf(diagram, name, axis), ...lanes.slice(entrances)]);
  const grid: Block = { height: 0, draw: (top) => gridOf(axis, top, streams.height) };
  return stack([titleOf(diagram.title), grid, streams, timeOf(axis), legendOf(diagram, colourOf)]);
}

export function stack(blocks: readonly Block[]): Block {
  const draw = (top: number) => {
    let y = top;
    return blocks.map((block) => block.draw((y += block.height) - block.height)).join('');
  };
  return { height: blocks.reduce((sum, { height }) => sum + height, 0), draw };
}

function titleOf(title: string): Block {
  const lines = wrap(title, (line) => textWidth(line, TITLE) <= WIDTH - 2 * PADDING);
  const draw = (top: number) =>
    lines.map((line, index) => element('text', { class: 'title', x: PADDING, y: top + 16 + index * 20 }, escape(line))).join('');
  return { height: lines.length * 20 + 10, draw };
}

function laneOf(line: MarbleLine, { values }: MarbleDiagram, axis: Axis, colourOf: ColourOf): Block {
  const placed = place(line, values, axis);
  const levels = Math.max(0, ...placed.map(({ level }) => level));
  const draw = (top: number) => {
    const y = top + LANE / 2 + 2;
    const lane = element('text', { class: 'lane', x: PADDING, y: y + FONT * 0.35 }, escape(shorten(line.name, MAX_NAME)));
    return lane + drawLine(line, placed, y, axis, colourOf);
  };
  return { height: LANE + levels * LEVEL, draw };
}

function operatorOf({ operator, time }: MarbleDiagram, name: string, { left, right }: Axis): Block {
  const durations = Object.entries(time).map(([key, ms]) => `${key}: ${ms} ms`);
  const text = operator ?? (durations.length > 0 ? `${name}(${durations.join(', ')})` : name);
  const lines = wrap(text, (line) => textWidth(line, 14) <= right - left - 24);
  const height = lines.length * 18 + 18;
  const draw = (top: number) => {
    const box = element('rect', { class: 'box', x: left, y: top + 4, width: right - left, height, rx: 8 });
    const textAt = (index: number) => ({ class: 'operator mid', x: (left + right) / 2, y: top + 4 + 22 + index * 18 });
    return box + lines.map((line, index) => element('text', textAt(index), escape(line))).join('');
  };
  return { height: height + 8, draw };
}

function gridOf({ scale, end, xOf }: Axis, top: number, height: number): string {
  const step = tickStep(scale, 44);
  const lines = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => `M${round(xOf(index * step))} ${round(top)}v${height}`);
  return element('path', { class: 'grid', d: lines.join('') });
}

function timeOf({ scale, end, xOf }: Axis): Block {
  const [unit, factor] = end < 10_000 ? ['ms', 1] : ['s', 1_000];
  const [step, fine] = [tickStep(scale, 44), tickStep(scale, 8)];
  const frames = Array.from({ length: Math.floor(end / fine) + 1 }, (_, index) => index * fine);
  const draw = (top: number) =>
    [
      element('path', {
        class: 'tick',
        d: frames.map((frame) => `M${round(xOf(frame))} ${round(top)}v${frame % step === 0 ? 7 : 4}`).join(''),
      }),
      element('text', { class: 'small', x: PADDING, y: top + 18 }, unit),
      ...frames
        .filter((frame) => frame % step === 0)
        .map((frame) => element('text', { class: 'small mid', x: xOf(frame), y: top + 18 }, String(frame / factor))),
    ].join('');
  return { height: 26, draw };
}

/** Draws the legend of the letters that stand for objects, if their values have a short form. */
function legendOf({ lines, values }: MarbleDiagram, colourOf: ColourOf): Block {
  const seen = lines.flatMap(({ events }) => events.map(({ value }) => value)).filter(isLettered);
  const letters = [...new Set(seen.map((value) => letterOf(value, values)).filter((letter) => letter !== undefined))];
  const meanings = letters.map((letter) => [letter, meaningOf(values[letter])] as const).filter(([, text]) => text.length <= MAX_MEANING);

  let [x, y] = [PADDING, 0];
  const items = meanings.map(([letter, text]) => {
    const label = { text: letter, parts: [] };
    const [marble, width] = [partWidth(label), partWidth(label) + 8 + textWidth(text, SMALL) + 20];
    if (x > PADDING && x + width > WIDTH - PADDING) [x, y] = [PADDING, y + 24];
    const at = { x, y };
    x += width;
    return (top: number) =>
      drawPart(label, at.x + marble / 2, top + 16 + at.y, colourOf) +
      element('text', { class: 'small', x: at.x + marble + 8, y: top + 20 + at.y }, escape(text));
  });
  return { height: items.length === 0 ? 0 : y + 30, draw: (top) => items.map((item) => item(top)).join('') };
}

function isLettered(value: unknown): value is object {
  return typeof value === 'object' && value !== null && labelOf(value, {}).parts.length === 0;
}

/**
 * Returns a short form of a value. A message is shown by its type: it has many other fields, and
 * its id is random.
 */
function meaningOf(value: unknown): string {
  const { id, type } = value as { id?: unknown; type?: unknown };
  return typeof id === 'string' && typeof type === 'string' ? type : show(value, Infinity);
}
