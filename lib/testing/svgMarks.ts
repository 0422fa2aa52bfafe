import type { MarbleLine, MarbleWindow } from './marbleSpec.js';
import { FONT, LEVEL, PART_RADIUS, RADIUS, SMALL, partWidth, type Axis, type Label, type Placed } from './svgLayout.js';
import { element, escape, round, textWidth } from './svgText.js';

/** Returns the colour of a name, which is the same throughout a diagram. */
export type ColourOf = (name: string) => string;

/** Draws a stream: the line while it runs, its subscriptions, its end, its marbles. */
export function drawLine(line: MarbleLine, placed: readonly Placed[], y: number, axis: Axis, colourOf: ColourOf): string {
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

/**
 * Draws a stream without a subscriber: a hot one runs always, a cold one waits for its next
 * subscription.
 */
function drawRest({ hot, events, windows }: MarbleLine, y: number, axis: Axis): string {
  if (hot) return drawRun({ from: 0, to: events.find(({ kind }) => kind !== 'next')?.frame ?? Infinity }, 'idle', y, axis);
  const next = windows.length === 0 ? axis.end : Math.max(...windows.map(({ from }) => from));
  return next > 0 ? element('path', { class: 'rest', d: `M${round(axis.xOf(0))} ${y}H${round(axis.xOf(next))}` }) : '';
}

/** Draws the line of a running stream, with an arrow if the stream continues. */
function drawRun({ from, to }: MarbleWindow, name: string, y: number, { end, xOf }: Axis): string {
  const stop = to === Infinity ? `${round(xOf(end) + 18)}m-6 -5l6 5l-6 5` : round(xOf(to));
  return element('path', { class: name, d: `M${round(xOf(from))} ${y}H${stop}` });
}

/**
 * Marks a subscription and its end, except a single subscription at the start, an end with the
 * stream, and that of an input at the end of the result.
 */
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

/** Draws a marble within another one, or beside a text. */
export function drawPart(part: Label, x: number, y: number, colourOf: ColourOf): string {
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
