import type { SchedulerLike } from 'rxjs';

/** Remembers which entries of a subject are old, by two of their sequence numbers. */
export interface OldEntries {
  /** Notes an entry that was stored now. */
  note(seq: number): void;
  /**
   * Returns the sequence number of an entry that is old, as are all in front of it; 0 if none is
   * known.
   */
  last(): number;
}

/**
 * @param seq The latest entry.
 * @param age The age from which on an entry is old, in ms.
 */
export function createOldEntries(seq: number, age: number, scheduler: SchedulerLike): OldEntries {
  let [old, young] = [0, { seq, at: scheduler.now() }];
  return {
    note(stored) {
      const now = scheduler.now();
      if (now - young.at >= age) [old, young] = [young.seq, { seq: stored, at: now }];
    },
    last: () => old,
  };
}
