import { interval, takeUntil, type Observable } from 'rxjs';
import { createMessage, type Delivery, type Message, type ReceiptStatus, type Wire } from '../../lib/index.js';
import type { Chance } from '../simulation/chance.js';
import { LEVELS, nameOf, parseName, type Journal } from './journal.js';
import type { SidePlan } from './plan.js';

/** Messages that are not done, after which no more are sent: whoever sends on regardless must expect drops. */
const MAX_OPEN = 2_000;

export interface TrafficOptions extends Pick<SidePlan, 'levels' | 'burst' | 'every' | 'payload'> {
  /** Names this process among all that were of its kind. */
  readonly life: number;
  readonly journal: Journal;
  readonly chance: Chance;
}

/** Numbered messages of all levels. */
export interface Traffic {
  /** Sends bursts until it is calm; what becomes of them is written down. */
  run(wire: Wire, calm$: Observable<unknown>): void;
  /** One more at exactly-once: when that is acked, all before it are done. */
  last(): Message;
}

export function createTraffic({ life, journal, chance, levels, burst, every, payload }: TrafficOptions): Traffic {
  const { pick, whole } = chance;
  const numbers = Object.fromEntries(LEVELS.map((level) => [level, 0])) as Record<Delivery, number>;
  const open = new Set<string>();

  const make = (level: Delivery): Message => {
    const name = nameOf({ life, level, number: ++numbers[level] });
    journal.note('offered', name);
    return createMessage('chaos', 'x'.repeat(whole(0, payload)), { id: name, delivery: level });
  };
  const offer = (wire: Wire, count: number, level: Delivery): void => {
    const messages = Array.from({ length: count }, () => make(level));
    // Whoever finds an effect must also find what it is of.
    journal.flush();
    for (const message of messages) wire.next(message);
  };
  return {
    run(wire, calm$) {
      wire.receipts$.subscribe(({ id, status }) => {
        if (status === 'queued') open.add(id);
        else journal.note(status === 'refused' ? 'dead' : status, id);
        if (isFinal(id, status)) open.delete(id);
      });
      if (levels.length === 0) return;
      const bursts$ = interval(every).pipe(takeUntil(calm$));
      bursts$.subscribe(() => open.size < MAX_OPEN && offer(wire, whole(1, burst), pick(levels)));
    },
    last() {
      const message = make('exactly-once');
      journal.flush();
      return message;
    },
  };
}

function isFinal(id: string, status: ReceiptStatus): boolean {
  return status === 'sent' ? parseName(id).level === 'at-most-once' : status !== 'queued';
}
