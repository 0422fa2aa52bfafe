import type { Delivery } from '../../lib/index.js';
import { LEVELS, nameOf, parseName, type Entry } from './journal.js';

/** What has become of the messages of one level. */
export interface Tally {
  readonly messages: number;
  readonly acked: number;
  readonly effects: number;
  /** Without an effect, though the sender was told that they were kept or done; at-most-once: though they were sent. */
  readonly lost: number;
  /** Effects beyond the first. */
  readonly doubled: number;
  /** First effects that came after one of a later message. */
  readonly reordered: number;
}

export type Tallies = Readonly<Record<Delivery, Tally>>;

/** Where they do not keep their promise, and which messages show it. */
export interface Breach {
  readonly level: Delivery;
  readonly what: 'lost' | 'doubled' | 'reordered' | 'invented';
  readonly names: readonly string[];
}

export interface Reconciled {
  readonly tallies: Tallies;
  readonly breaches: readonly Breach[];
}

/** What each level promises: these numbers are 0. */
const PROMISED: Readonly<Record<Delivery, readonly Breach['what'][]>> = {
  'at-most-once': ['doubled', 'invented'],
  'at-least-once': ['lost', 'invented'],
  'exactly-once': ['lost', 'doubled', 'reordered', 'invented'],
};

/**
 * Compares what a sender has written down with what the receiver did.
 *
 * @param effects The names of the messages, in the order of their effects.
 * @param areAtOnce Whether several senders live at the same time: then the messages of each have their order.
 */
export function reconcile(journal: readonly Entry[], effects: readonly string[], areAtOnce = false): Reconciled {
  const results = LEVELS.map((level) => {
    const isMine = (name: string): boolean => parseName(name).level === level;
    return [
      level,
      ofLevel(
        level,
        journal.filter(({ name }) => isMine(name)),
        effects.filter(isMine),
        areAtOnce,
      ),
    ] as const;
  });
  return {
    tallies: Object.fromEntries(results.map(([level, { tally }]) => [level, tally])) as Tallies,
    breaches: results.flatMap(([, { breaches }]) => breaches),
  };
}

function ofLevel(level: Delivery, journal: readonly Entry[], effects: readonly string[], areAtOnce: boolean) {
  const noted = (...notes: readonly Entry['note'][]): ReadonlySet<string> =>
    new Set(journal.flatMap(({ note, name }) => (notes.includes(note) ? name : [])));
  const fenced = noted('fenced');
  const offered = new Set([...noted('offered')].filter((name) => !fenced.has(name)));
  const first = new Set(effects);
  const expected = new Set([...noted('sent', 'acked', 'expired', 'dead'), ...(level === 'at-most-once' ? [] : allBefore(effects))]);
  const found: Readonly<Record<Breach['what'], readonly string[]>> = {
    lost: [...expected].filter((name) => !first.has(name) && !fenced.has(name)),
    doubled: repeats(effects),
    reordered: outOfOrder([...first], areAtOnce),
    invented: [...first].filter((name) => !offered.has(name)),
  };
  const tally: Tally = {
    messages: offered.size,
    acked: noted('acked').size,
    effects: effects.length,
    lost: found.lost.length,
    doubled: found.doubled.length,
    reordered: found.reordered.length,
  };
  const breaches = PROMISED[level].flatMap((what): Breach[] => (found[what].length > 0 ? [{ level, what, names: found[what] }] : []));
  return { tally, breaches };
}

/** Of each life, all up to the highest that has had an effect: what was kept at all was kept without a hole. */
function allBefore(effects: readonly string[]): readonly string[] {
  const highest = new Map<number, ReturnType<typeof parseName>>();
  for (const name of effects.map(parseName)) if (name.number > (highest.get(name.life)?.number ?? 0)) highest.set(name.life, name);
  return [...highest.values()].flatMap((name) => Array.from({ length: name.number }, (_, index) => nameOf({ ...name, number: index + 1 })));
}

function repeats(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}

function outOfOrder(names: readonly string[], areAtOnce: boolean): readonly string[] {
  if (areAtOnce) {
    const lives = [...new Set(names.map((name) => parseName(name).life))];
    return lives.flatMap((life) =>
      outOfOrder(
        names.filter((name) => parseName(name).life === life),
        false,
      ),
    );
  }
  let last = { life: 0, number: 0 };
  return names.filter((text) => {
    const name = parseName(text);
    if (name.life < last.life || (name.life === last.life && name.number < last.number)) return true;
    last = name;
    return false;
  });
}
