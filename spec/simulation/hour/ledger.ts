import type { DeadLetter, Message } from '../../../lib/index.js';
import type { Violate } from '../checks/violation.js';
import type { Life } from '../life.js';
import type { Ends } from '../world.js';

/** How a message is processed; its type is `hour.<path>`. */
export const PATHS = ['effect', 'own', 'routed', 'stored', 'held'] as const;
export type Path = (typeof PATHS)[number];

/** An end of a message: handled, given up by who tried to handle it, or dropped by a queue. */
export interface End {
  readonly kind: 'done' | 'dead' | 'dropped';
  /** In whose life that was. */
  readonly life: Life;
}

/** All that is known of one message. */
interface Entry {
  readonly message: Message;
  readonly path: Path;
  readonly ends: End[];
  /** The codes of what its handler has thrown, for each life that it was tried in. */
  readonly thrown: Map<Life, string[]>;
  /** Letters that outlive all crashes. */
  readonly letters: DeadLetter[];
  isAcked: boolean;
}

/** The truth about all messages, which no process knows; it looks at each step whether what is promised holds. */
export interface Ledger {
  sent(message: Message, path: Path): void;
  threw(id: string, life: Life, code: string): void;
  /** @param letter What it is dead with. */
  ended(id: string, end: End, letter?: DeadLetter): void;
  /** @param isStored Whether it is in a queue that outlives crashes. */
  acked(id: string, isStored: boolean): void;
  /** The sender has learned that the receiver did not process it. */
  refused(id: string): void;
  /** Called when all is over; counts how the messages have ended. */
  close(): Ends;
}

/** Tries of a handler before it is given up. */
export const MOST_ATTEMPTS = 4;

export function createLedger(violate: Violate): Ledger {
  const entries = new Map<string, Entry>();
  const of = (id: string): Entry => {
    const entry = entries.get(id);
    if (!entry) throw new RangeError(`a message that nobody sent: ${id}`);
    return entry;
  };

  return {
    sent(message, path) {
      entries.set(message.id, { message, path, ends: [], thrown: new Map(), letters: [], isAcked: false });
    },
    threw(id, life, code) {
      const { thrown } = of(id);
      thrown.set(life, [...(thrown.get(life) ?? []), code]);
    },
    ended(id, end, letter) {
      const entry = of(id);
      if (letter) {
        entry.letters.push(letter);
        const lie = lieOf(letter, entry.thrown.get(end.life) ?? [], entry.ends);
        if (lie) violate('reason', `${id} (${entry.path}): ${lie}`);
        // That it was dropped was told before.
        if (letter.reason === 'ERR_DROPPED') return;
      }
      const other = entry.ends.find((one) => one.life === end.life || entry.path === 'effect');
      if (other)
        violate('handled', `${id} (${entry.path}) is ${end.kind} in ${end.life.name}, and was ${other.kind} in ${other.life.name}`);
      entry.ends.push(end);
    },
    acked(id, isStored) {
      const entry = of(id);
      if (entry.ends.length === 0 && !isStored) violate('acked', `${id} (${entry.path}) is acked, and neither processed nor stored`);
      entry.isAcked = true;
    },
    refused(id) {
      const entry = of(id);
      if (!entry.ends.some(({ kind }) => kind === 'dropped')) violate('outcome', `${id} (${entry.path}) is refused, and was not dropped`);
      entry.isAcked = true;
    },
    close() {
      for (const entry of entries.values()) closeEntry(entry, violate);
      const count = (kind: End['kind']): number => [...entries.values()].filter(({ ends }) => ends.at(-1)?.kind === kind).length;
      return { done: count('done'), dead: count('dead'), dropped: count('dropped') };
    },
  };
}

/** What is not true of a dead letter. */
function lieOf({ reason, attempts, history }: DeadLetter, thrown: readonly string[], ends: readonly End[]): string | undefined {
  if (reason === 'ERR_DROPPED') return ends.some(({ kind }) => kind === 'dropped') ? undefined : 'nobody has dropped it';
  const last = thrown.slice(-MOST_ATTEMPTS);
  if (attempts !== MOST_ATTEMPTS) return `it is dead after ${attempts} attempts`;
  if (last.length < MOST_ATTEMPTS) return `its handler has failed ${last.length} times`;
  if (reason !== last.at(-1)) return `it is dead for ${reason}, and not for ${last.at(-1)}`;
  const told = history.map((failure) => failure.reason).join(' ');
  return told === last.join(' ') ? undefined : `its history is ${told}, and not ${last.join(' ')}`;
}

function closeEntry({ message: { id }, path, ends, letters, isAcked }: Entry, violate: Violate): void {
  if (!isAcked) violate('drains', `${id} (${path}) is not acked`);
  const last = ends.at(-1);
  if (!last) return violate('handled', `${id} (${path}) is missing`);
  // What a life was about when it ended may come to another end in the next; without a crash there is one.
  const crashed = ends.filter(({ life }) => !life.isAlive()).length;
  if (ends.length - crashed > 1) violate('handled', `${id} (${path}) has ${ends.map(({ kind }) => kind).join(' and ')}`);
  if (last.kind === 'dead' && letters.length === 0) violate('handled', `${id} (${path}) is dead, and there is no letter`);
  if (last.kind === 'dropped' && last.life.isAlive() && letters.length === 0)
    violate('handled', `${id} (${path}) was dropped, and there is no letter`);
}
