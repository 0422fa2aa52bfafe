import { fromEvent, interval, merge } from 'rxjs';
import type { InspectedConnection, InspectedFrame, Wire } from 'rxwire';
import { byId, make, setText, the } from './dom.js';
import type { FrameFilter } from './frameFilter.js';
import { createFrameList } from './frameList.js';
import { createFrameLog } from './frameLog.js';
import { createSendWindow } from './sendWindow.js';

/** Types that the filter offers; a page cannot be made to list more. */
const MAX_TYPES = 50;

/** How long frames wait to be drawn together, in ms: faster than this nobody reads, and each drawing costs. */
const DRAW_EVERY = 100;

/** How often the numbers are renewed, in ms. */
const LOOK_EVERY = 250;

export interface Inspector {
  readonly onFrame: (frame: InspectedFrame) => void;
  readonly onConnection: (event: InspectedConnection) => void;
  /** Shows how full the outbox of the wire is. */
  readonly watch: (wire: Wire) => void;
}

/** Shows each frame in both directions, at most once in each frame of the screen, and only while it is open. */
export function createInspector(): Inspector {
  const log = createFrameLog();
  const list = createFrameList(log);
  const sendWindow = createSendWindow();
  const types = new Set<string>();
  const [section, toggle, pause] = [byId('inspector'), byId('inspector-toggle'), byId('frames-pause')];
  let isRequested = false;

  const isPaused = (): boolean => pause.ariaPressed === 'true';
  const show = (): void => {
    isRequested = false;
    if (!section.hidden) list.update(filterNow());
  };
  const request = (): void => {
    if (isRequested || section.hidden) return;
    isRequested = true;
    setTimeout(() => requestAnimationFrame(show), DRAW_EVERY);
  };
  const redraw = (): void => {
    if (!section.hidden) list.redraw(filterNow());
  };
  const setOpen = (isOpen: boolean): void => {
    section.hidden = !isOpen;
    toggle.ariaExpanded = String(isOpen);
    document.body.dataset['inspector'] = isOpen ? 'open' : 'closed';
    redraw();
  };
  fromEvent(toggle, 'click').subscribe(() => {
    setOpen(section.hidden === true);
    // On a narrow page it is far below.
    if (!section.hidden) section.scrollIntoView({ block: 'nearest' });
  });
  fromEvent(byId('inspector-close'), 'click').subscribe(() => {
    setOpen(false);
    toggle.focus();
  });
  fromEvent(pause, 'click').subscribe(() => {
    pause.ariaPressed = String(!isPaused());
    if (isPaused()) list.freeze();
    else list.release();
    redraw();
  });
  fromEvent(byId('frames-clear'), 'click').subscribe(() => {
    log.clear();
    if (isPaused()) list.freeze();
    redraw();
  });
  merge(
    ...['frames-kind', 'frames-direction', 'frames-type'].map((id) => fromEvent(byId(id), 'change')),
    fromEvent(byId('frames-text'), 'input'),
  ).subscribe(redraw);

  const offer = (type: string): void => {
    if (types.has(type) || types.size >= MAX_TYPES) return;
    types.add(type);
    byId('frames-type').append(make('option', type));
  };
  return {
    onFrame(frame) {
      sendWindow.onFrame(frame);
      log.addFrame(frame);
      log.rows.at(-1)?.frame?.types.forEach(offer);
      request();
    },
    onConnection(event) {
      log.addConnection(event);
      request();
    },
    watch(wire) {
      interval(LOOK_EVERY).subscribe(() => {
        if (section.hidden) return;
        const { queued, room, state } = wire;
        fill('outbox', queued, Number.isFinite(room) ? queued + room : 0, 'waiting');
        fill('window', sendWindow.inFlight, sendWindow.size, 'in flight');
        const { messagesSent, messagesReceived } = state.metrics;
        setText(byId('traffic'), `${messagesSent.toLocaleString('en')} messages sent, ${messagesReceived.toLocaleString('en')} received`);
      });
    },
  };
}

function filterNow(): FrameFilter {
  const valueOf = (id: string): string => the(id, HTMLSelectElement).value;
  return {
    kind: valueOf('frames-kind'),
    direction: valueOf('frames-direction'),
    type: valueOf('frames-type'),
    text: the('frames-text', HTMLInputElement).value.trim(),
  };
}

function fill(id: string, value: number, size: number, what: string): void {
  const bar = the(`${id}-fill`, HTMLProgressElement);
  bar.max = Math.max(1, size);
  bar.value = value;
  setText(byId(`${id}-text`), size > 0 ? `${value.toLocaleString('en')} of ${size.toLocaleString('en')} ${what}` : `${value} ${what}`);
}
