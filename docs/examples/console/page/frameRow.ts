import { make } from './dom.js';
import type { LoggedFrame, LogRow } from './frameLog.js';
import { connectionWords, detailsOf, numbersOf, summaryOf } from './frameWords.js';

/** Makes the row of a frame, which opens to show what is decoded; or the line of a connection. */
export function makeRow({ frame, event }: LogRow): HTMLElement {
  const item = make('li', '');
  if (event) {
    item.className = 'break';
    item.dataset['status'] = event.status;
    item.append(make('span', timeOf(event.at), 'at'), make('span', connectionWords(event)));
    return item;
  }
  const details = make('details', '');
  const summary = make('summary', '');
  const isSent = frame.direction === 'sent';
  const arrow = make('span', isSent ? '↑' : '↓', 'arrow');
  arrow.ariaHidden = 'true';
  summary.append(
    make('span', timeOf(frame.at), 'at'),
    arrow,
    make('span', isSent ? 'sent' : 'received', 'hidden'),
    make('span', frame.kind, 'kind'),
    make('span', numbersOf(frame), 'numbers'),
    aboutOf(frame),
    make('span', ackOf(frame), 'ack'),
    make('span', sizeOf(frame.size), 'size'),
  );
  details.dataset['direction'] = frame.direction;
  details.append(summary);
  // The row writes the content of its frame only when the user opens it.
  details.addEventListener('toggle', () => details.append(make('pre', detailsOf(frame))), { once: true });
  item.append(details);
  return item;
}

function aboutOf(frame: LoggedFrame): HTMLElement {
  const about = make('span', '', 'about');
  if (frame.isResent) about.append(make('span', 'resent', 'resent'), ' ');
  about.append(summaryOf(frame));
  return about;
}

function ackOf({ ack }: LoggedFrame): string {
  return ack ? `ack ${ack.done}, credit ${ack.credit}` : '';
}

function sizeOf(size: number): string {
  return size < 10_000 ? `${size} B` : `${Math.round(size / 1_024)} KiB`;
}

function timeOf(at: number): string {
  const date = new Date(at);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
