import { byId, make, setText, the } from './dom.js';
import { lineHeight, lineOf } from './editor.js';
import type { Person } from './person.js';

export interface DrawnCaret {
  /** Gives it a name and a colour. */
  readonly dress: (person: Person | undefined) => void;
  /** Puts it there, with what is selected; nowhere, if one of the places is. */
  readonly move: (anchor: number | undefined, head: number | undefined) => void;
  /** Shows the name for a while. */
  readonly announce: () => void;
  readonly remove: () => void;
}

/** How long a name is shown beside a caret that has moved, in ms. */
const NAMED = 3_000;

/** Somebody's caret, behind the text. */
export function drawCaret(): DrawnCaret {
  const group = make('div', '', 'who');
  const caret = make('div', '', 'caret');
  const flag = make('span', '', 'flag');
  caret.append(flag);
  group.append(caret);
  byId('carets').append(group);

  return {
    dress(person) {
      setText(flag, person?.name ?? '');
      group.style.setProperty('--hue', String(person?.hue ?? 0));
    },
    move(anchor, head) {
      group.hidden = anchor === undefined || head === undefined;
      if (anchor === undefined || head === undefined) return;
      const code = the('source', HTMLTextAreaElement).value;
      const from = spotOf(code, Math.min(anchor, head));
      const to = spotOf(code, Math.max(anchor, head));
      const { x, line } = head < anchor ? from : to;
      place(caret, { left: x, top: top(line), width: 2, height: lineHeight() });
      flag.dataset['side'] = line === 0 ? 'below' : 'above';
      group.replaceChildren(caret, ...(anchor === head ? [] : shades(from, to)));
    },
    announce() {
      flag.getAnimations().forEach((animation) => animation.cancel());
      flag.animate({ opacity: [1, 1, 0], offset: [0, 0.9, 1] }, NAMED);
    },
    remove: () => group.remove(),
  };
}

interface Spot {
  readonly line: number;
  /** In pixels, from the left of the sheet. */
  readonly x: number;
}

function spotOf(code: string, place: number): Spot {
  const start = code.lastIndexOf('\n', place - 1) + 1;
  return { line: lineOf(code, place), x: place === 0 || start === place ? 0 : widthOf(start, place) };
}

/** How wide a part of a line is, as it is painted: letters of other scripts are not as wide as these. */
function widthOf(start: number, end: number): number {
  const range = document.createRange();
  range.setStart(...pointAt(start));
  range.setEnd(...pointAt(end));
  return range.getBoundingClientRect().width;
}

/** The piece of painted text in which a place is. */
function pointAt(place: number): [Node, number] {
  const walker = document.createTreeWalker(byId('paint'), NodeFilter.SHOW_TEXT);
  let left = place;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const { length } = node as Text;
    if (left <= length) return [node, left];
    left -= length;
  }
  return [byId('paint'), byId('paint').childNodes.length];
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly height: number;
  /** To the end of the sheet, if there is none. */
  readonly width?: number;
}

/** What is selected: a part of one line, or the end of one, those between, and the beginning of another. */
function shades(from: Spot, to: Spot): HTMLElement[] {
  const height = lineHeight();
  if (from.line === to.line) return [shade({ left: from.x, top: top(from.line), width: to.x - from.x, height })];
  const between = to.line - from.line - 1;
  return [
    shade({ left: from.x, top: top(from.line), height }),
    shade({ left: 0, top: top(from.line + 1), height: between * height }),
    shade({ left: 0, top: top(to.line), width: to.x, height }),
  ];
}

function shade(box: Box): HTMLElement {
  const made = make('div', '', 'shade');
  place(made, box);
  return made;
}

function place({ style }: HTMLElement, { left, top, height, width }: Box): void {
  style.setProperty('left', `${left}px`);
  style.setProperty('top', `${top}px`);
  style.setProperty('height', `${height}px`);
  if (width === undefined) style.setProperty('right', '0');
  else style.setProperty('width', `${width}px`);
}

/** Where a line begins, in pixels from the top of the sheet. */
function top(line: number): number {
  return parseFloat(getComputedStyle(byId('paint')).paddingTop) + line * lineHeight();
}
