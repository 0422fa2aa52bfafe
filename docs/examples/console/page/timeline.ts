import { byId, make } from './dom.js';

export type Kind = 'good' | 'wait' | 'bad' | 'plain';

export interface Entry {
  readonly kind: Kind;
  readonly text: string;
}

const MAX_ENTRIES = 100;

/** Writes down what happens to the wire, the newest on top. */
export function addEntry({ kind, text }: Entry): void {
  const timeline = byId('timeline');
  const now = new Date();
  const time = make('time', now.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }));
  time.dateTime = now.toISOString();
  const item = make('li', '');
  item.dataset['kind'] = kind;
  item.append(make('span', text), time);
  timeline.prepend(item);
  if (timeline.childElementCount > MAX_ENTRIES) timeline.lastElementChild?.remove();
}
