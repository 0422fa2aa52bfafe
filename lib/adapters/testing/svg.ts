import { show } from './marbleDifference.js';
import type { MarbleDiagram, MarbleLine, MarbleWindow } from './marbleSpec.js';
import {
  type Axis,
  axisOf,
  element,
  escape,
  FONT,
  type Label,
  labelOf,
  letterOf,
  LEVEL,
  marginOf,
  MAX_NAME,
  PADDING,
  PART_RADIUS,
  partWidth,
  place,
  type Placed,
  RADIUS,
  round,
  shorten,
  SMALL,
  textWidth,
  tickStep,
  WIDTH,
  wrap,
} from './svgLayout.js';

/** The colours of marbles: dark enough for white text, and light enough for a dark page. */
export const COLOURS = ['#2563eb', '#c2410c', '#047857', '#be185d', '#7c3aed', '#0e7490', '#a16207', '#4d7c0f', '#475569', '#9f1239'];

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
 * Draws recorded marbles as one picture for light and dark pages: inputs, operator, results. A
 * hollow circle is a value that a hot source emitted without a subscriber.
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

/** Returns the colours of a diagram. A letter has one colour in every picture, if it is free. */
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

const TITLE = 15;
const LANE = 50;
const MAX_MEANING = 60;

/** Returns the colour of a name, which is the same throughout a diagram. */
type ColourOf = (name: string) => string;

/** A part of a picture, with coordinates from its upper edge. */
interface Block {
  readonly height: number;
  readonly draw: (top: number) => string;
}

function diagramOf(diagram: MarbleDiagram, name: string, axis: Axis, colourOf: ColourOf): Block {
  const lanes = diagram.lines.map((line) => laneOf(line, diagram, axis, colourOf));
  const entrances = diagram.lines.filter(({ role }) => role === 'source' || role === 'input').length;
  const streams = stack([...lanes.slice(0, entrances), operatorOf(diagram, name, axis), ...lanes.slice(entrances)]);
  const grid: Block = { height: 0, draw: (top) => gridOf(axis, top, streams.height) };
  return stack([titleOf(diagram.title), grid, streams, timeOf(axis), legendOf(diagram, colourOf)]);
}

function stack(blocks: readonly Block[]): Block {
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

/** Returns a short form of a value; of a message only its type, because its id is random. */
function meaningOf(value: unknown): string {
  const { id, type } = value as { id?: unknown; type?: unknown };
  return typeof id === 'string' && typeof type === 'string' ? type : show(value, Infinity);
}

function drawLine(line: MarbleLine, placed: readonly Placed[], y: number, axis: Axis, colourOf: ColourOf): string {
  const runs = line.role === 'output' ? [{ from: 0, to: axis.end }] : line.windows;
  return [
    line.role === 'output' ? '' : drawRest(line, y, axis),
    ...runs.map((run) => drawRun(run, 'line', y, axis)),
    ...line.windows.map((window) => drawWindow(window, line, y, axis)),
    ...line.events.filter(({ kind }) => kind === 'complete').map(({ frame }) => bar(axis.xOf(frame), y)),
    ...placed.map(({ at, level }) => (level > 0 ? element('path', { class: 'stem', d: `M${round(at)} ${y}v${level * LEVEL}` }) : '')),
    ...placed.map((mark) => (mark.event.kind === 'error' ? cross(mark.x, y + mark.level * LEVEL) : drawMarble(mark, y, colourOf))),
  ].join('');
}

/** Draws a stream without a subscriber: a hot one runs, a cold one waits for a subscription. */
function drawRest({ hot, events, windows }: MarbleLine, y: number, axis: Axis): string {
  if (hot) return drawRun({ from: 0, to: events.find(({ kind }) => kind !== 'next')?.frame ?? Infinity }, 'idle', y, axis);
  const next = windows.length === 0 ? axis.end : Math.max(...windows.map(({ from }) => from));
  return next > 0 ? element('path', { class: 'rest', d: `M${round(axis.xOf(0))} ${y}H${round(axis.xOf(next))}` }) : '';
}

function drawRun({ from, to }: MarbleWindow, name: string, y: number, { end, xOf }: Axis): string {
  const stop = to === Infinity ? `${round(xOf(end) + 18)}m-6 -5l6 5l-6 5` : round(xOf(to));
  return element('path', { class: name, d: `M${round(xOf(from))} ${y}H${stop}` });
}

/** Marks a subscription and its end, unless the line itself shows them. */
function drawWindow({ from, to }: MarbleWindow, { events, windows, role }: MarbleLine, y: number, { until, xOf }: Axis): string {
  const subscribed = (from > 0 || windows.length > 1) && role !== 'result';
  const ended = events.some(({ frame, kind }) => frame === to && kind !== 'next') || (role === 'input' && to === until);
  const unsubscribed = to !== Infinity && !ended;
  return [
    subscribed ? element('path', { class: 'subscribe', d: `M${round(xOf(from))} ${y - 16}l-5 -9h10z` }) : '',
    unsubscribed ? element('path', { class: 'unsubscribe', d: `M${round(xOf(to))} ${y - 25}l-5 9h10zm0 9v16` }) : '',
  ].join('');
}

function bar(x: number, y: number): string {
  return element('path', { class: 'end', d: `M${round(x)} ${y - RADIUS - 8}v${2 * RADIUS + 16}` });
}

function cross(x: number, y: number): string {
  const arm = RADIUS - 5;
  return element('path', { class: 'error', d: `M${round(x - arm)} ${y - arm}l${2 * arm} ${2 * arm}m0 ${-2 * arm}l${-2 * arm} ${2 * arm}` });
}

function drawMarble({ event, x, width, level, label }: Placed, line: number, colourOf: ColourOf): string {
  const y = line + level * LEVEL;
  const marble =
    label.parts.length > 0 ? drawPill(label, x, y, width, colourOf) : drawDisc(label.text, x, y, width, RADIUS, FONT, colourOf);
  return event.missed ? element('g', { class: 'missed' }, marble) : marble;
}

function drawPill(label: Label, x: number, y: number, width: number, colourOf: ColourOf): string {
  const pill = element('rect', { class: 'pill', x: x - width / 2, y: y - RADIUS, width, height: 2 * RADIUS, rx: RADIUS });
  let left = x - width / 2 + 5;
  const key = label.text ? element('text', { class: 'key', x: left + 3, y: y + 4 }, escape(label.text)) : '';
  if (label.text) left += textWidth(label.text, SMALL) + 8;
  const parts = label.parts.map((part) => {
    const wide = partWidth(part);
    left += wide + 3;
    return drawPart(part, left - 3 - wide / 2, y, colourOf);
  });
  return pill + key + parts.join('');
}

function drawPart(part: Label, x: number, y: number, colourOf: ColourOf): string {
  return drawDisc(part.text, x, y, partWidth(part), PART_RADIUS, SMALL, colourOf);
}

function drawDisc(text: string, x: number, y: number, width: number, radius: number, size: number, colourOf: ColourOf): string {
  const shape = element('rect', {
    class: 'disc',
    fill: colourOf(text),
    x: x - width / 2,
    y: y - radius,
    width,
    height: 2 * radius,
    rx: radius,
  });
  return shape + element('text', { class: size < FONT ? 'label small' : 'label', x, y: y + size * 0.35 }, escape(text));
}
