import { isObservable, Observable, tap } from 'rxjs';
import type { MaybeAsync } from '../../lib/message/maybeAsync.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { Life } from './life.js';

/** Where processes write. Commits happen one after the other; which of those that are under way survive a crash is up to chance. */
export interface Disk {
  /** Commits what `apply` does, some time after somebody subscribes; answers some time after that, if there is still somebody. */
  write<T>(life: Life, apply: () => T): MaybeAsync<T>;
}

interface Pending {
  isCancelled: boolean;
}

/**
 * @param slowest How long a commit takes at most, in ms; 0: all is done at once.
 * @param onAnswer Called before a process gets the answer to a write.
 */
export function createDisk(clock: Clock, chance: Chance, slowest: number, onAnswer?: (life: Life) => void): Disk {
  const underWay = new Map<Life, Pending[]>();
  let lastCommit = 0;

  /** Those that the crash was in time for never happen. */
  const crash = (life: Life): void => {
    const writes = underWay.get(life) ?? [];
    underWay.delete(life);
    for (const write of writes.slice(chance.whole(0, writes.length))) write.isCancelled = true;
  };
  const writesOf = (life: Life): Pending[] => {
    const known = underWay.get(life);
    if (known) return known;
    const writes: Pending[] = [];
    underWay.set(life, writes);
    life.onDeath(() => crash(life));
    return writes;
  };
  const later = <T>(life: Life, apply: () => T): Observable<T> =>
    new Observable((subscriber) => {
      if (!life.step()) return;
      const writes = writesOf(life);
      const mine: Pending = { isCancelled: false };
      writes.push(mine);
      lastCommit = Math.max(lastCommit, clock.now() + chance.skewed(0, slowest));
      clock.at(lastCommit, () => {
        if (mine.isCancelled) return;
        writes.splice(writes.indexOf(mine), 1);
        const answer = attempt(apply);
        const tell = (): void => {
          if (!life.step()) return;
          if ('error' in answer) subscriber.error(answer.error);
          else {
            subscriber.next(answer.value);
            subscriber.complete();
          }
        };
        clock.after(chance.skewed(0, slowest / 4), () => {
          onAnswer?.(life);
          life.whenRunning(tell);
        });
      });
    });
  return {
    write: (life, apply) => {
      if (slowest > 0) return later(life, apply);
      // An answer of what is dead goes nowhere.
      return life.step() ? apply() : new Observable<never>();
    },
  };
}

function attempt<T>(apply: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: apply() };
  } catch (error) {
    return { error };
  }
}

/** Calls `look` with the error of a write, when its process learns of it. */
export function onFailed<T>(write: () => MaybeAsync<T>, look: (error: unknown) => void): MaybeAsync<T> {
  try {
    const written = write();
    return isObservable(written) ? written.pipe(tap({ error: look })) : written;
  } catch (error) {
    look(error);
    throw error;
  }
}
