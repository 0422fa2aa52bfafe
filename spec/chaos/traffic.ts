import { interval, merge, takeUntil, type Observable } from 'rxjs';
import {
  createMessage,
  MessageDroppedError,
  StoreError,
  type Delivery,
  type Message,
  type ReceiptStatus,
  type Wire,
} from '../../lib/index.js';
import type { Chance } from '../simulation/chance.js';
import { LEVELS, nameOf, parseName, type Journal } from './journal.js';
import type { SidePlan } from './plan.js';
import type { Setup } from './processes.js';

/** Messages that are not done, after which no more are sent: whoever sends on regardless must expect drops. */
const MAX_OPEN = 2_000;

export interface TrafficOptions extends Pick<SidePlan, 'levels' | 'burst' | 'every' | 'payload'>, Pick<Setup, 'isShared'> {
  /** Names this process among all that were of its kind. */
  readonly life: number;
  readonly journal: Journal;
  readonly chance: Chance;
}

/** Numbered messages of all levels. */
export interface Traffic {
  /** Sends bursts until it is calm, or the wire has ended; what becomes of them is written down. */
  run(wire: Wire, calm$: Observable<unknown>, ended$: Observable<unknown>): void;
  /** One more at exactly-once: when that is acked, all before it are done. */
  last(): Message;
}

export function createTraffic({ life, journal, chance, levels, burst, every, payload, isShared = false }: TrafficOptions): Traffic {
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
    run(wire, calm$, ended$) {
      wire.receipts$.subscribe(({ id, status, error }) => {
        if (status === 'queued') open.add(id);
        else if (status === 'stored') return;
        else if (isShared && isNotStored(error)) journal.note('fenced', id);
        else journal.note(status === 'refused' ? 'dead' : status, id);
        if (isFinal(id, status)) open.delete(id);
      });
      if (levels.length === 0) return;
      const bursts$ = interval(every).pipe(takeUntil(merge(calm$, ended$)));
      bursts$.subscribe(() => open.size < MAX_OPEN && offer(wire, whole(1, burst), pick(levels)));
    },
    last() {
      const message = make('exactly-once');
      journal.flush();
      return message;
    },
  };
}

/** Whether a message has met the fence, or has waited behind one that has. */
function isNotStored(error: Error | undefined): boolean {
  return (error instanceof StoreError && error.fault === 'fenced') || (error instanceof MessageDroppedError && error.reason === 'closed');
}

function isFinal(id: string, status: ReceiptStatus): boolean {
  return status === 'sent' ? parseName(id).level === 'at-most-once' : status !== 'queued' && status !== 'stored';
}
