/** The outcome of a message. `waiting`: it is on its way, or its client keeps it. */
export type Fate = 'waiting' | 'received' | 'lost' | 'doubled' | 'out of order';

export interface Counts {
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
}

/** The fates of the messages of one lane. */
export interface Tally {
  readonly counts: Counts;
  /** @param due When the message is lost, unless its client keeps it. */
  sent(number: number, due: number): void;
  received(number: number): void;
  /** Notes the messages that are lost: they are due, and their clients do not keep them. */
  review(now: number, dueIfKept: number): void;
  fateOf(number: number): Fate | undefined;
}

/** The numbers whose fates are known: more than the picture shows. */
const MEMORY = 500;

/** @param keeps Whether the client still keeps a number. */
export function createTally(keeps: (number: number) => boolean): Tally {
  const fates = new Map<number, Fate>();
  const due = new Map<number, number>();
  const counts = { received: 0, lost: 0, doubled: 0, disordered: 0 };
  let last = 0;

  const lose = (number: number): void => {
    due.delete(number);
    fates.set(number, 'lost');
    counts.lost++;
  };
  return {
    counts,
    sent(number, dueTime) {
      fates.set(number, 'waiting');
      due.set(number, dueTime);
      fates.delete(number - MEMORY);
    },
    received(number) {
      const before = fates.get(number);
      if (before === 'lost') counts.lost--;
      due.delete(number);
      counts.received++;
      if (before === 'received') {
        counts.doubled++;
        fates.set(number, 'doubled');
      } else if (number < last) {
        counts.disordered++;
        fates.set(number, 'out of order');
      } else fates.set(number, 'received');
      last = Math.max(last, number);
    },
    review(now, dueIfKept) {
      for (const [number, time] of due) {
        if (keeps(number)) due.set(number, dueIfKept);
        else if (time <= now || number < last) lose(number);
      }
    },
    fateOf: (number) => fates.get(number),
  };
}
