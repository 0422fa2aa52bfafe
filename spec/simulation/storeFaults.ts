import { throwError, Observable } from 'rxjs';
import { StoreError } from '../../lib/message/errors.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { Life } from './life.js';
import type { Side } from './network.js';
import type { StorePlan } from './plan.js';

/** Makes calls of the stores of either side fail. */
export interface StoreFaults {
  /** Returns a store some of whose calls fail: then they change nothing. */
  readonly faulty: <S extends object>(store: S, life: Life, options: FaultyOptions<S>) => S;
}

export interface FaultyOptions<S> {
  readonly side: Side;
  readonly methods: readonly (keyof S & string)[];
  /** Names a call of a method, where not all of them are of one kind. */
  readonly kindOf?: (method: string, args: readonly unknown[]) => string;
  /** Whether the store may answer with promises. */
  readonly isPromised: boolean;
}

/** A time in which calls fail: those of one method, or all. */
interface Period {
  readonly side: Side;
  readonly method: string | undefined;
  readonly until: number;
}

export interface StoreFaultOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly plan: StorePlan | undefined;
  readonly isCalm: () => boolean;
  readonly say: (who: string, what: () => string) => void;
  /** Called when a call fails. */
  readonly onFailed?: (life: Life, kind: string) => void;
}

const METHODS = [undefined, 'append', 'trim', 'mark', 'replace', 'remember', 'claim', 'commit', 'open'] as const;

export function createStoreFaults({ clock, chance, plan, isCalm, say, onFailed }: StoreFaultOptions): StoreFaults {
  if (!plan) return { faulty: (store) => store };
  const { hit, pick, skewed } = chance;
  let period: Period | undefined;

  const begin = (): void => {
    if (isCalm()) return;
    period = { side: pick(['client', 'server']), method: pick(METHODS), until: clock.now() + skewed(10, plan.longest) };
    const { side, method = 'all calls', until } = period;
    say('stores', () => `${method} of the ${side} fail until ${until.toFixed(1)}`);
    clock.at(until + skewed(0, plan.every), begin);
  };
  clock.after(hit(0.3) ? 0 : skewed(0, plan.every), begin);

  const isFailing = (side: Side, method: string): boolean => {
    if (isCalm()) return false;
    const isNow = period && period.side === side && clock.now() < period.until && (period.method ?? method) === method;
    return hit(isNow ? plan.rate : plan.rest);
  };
  const fail = (life: Life, error: Error, isPromised: boolean): unknown => {
    const later = (told: (error: Error) => void): void =>
      clock.after(skewed(0, 50), () => life.whenRunning(() => life.isAlive() && told(error)));
    switch (pick(['throw', 'error', 'late', isPromised ? 'reject' : 'late'] as const)) {
      case 'throw':
        throw error;
      case 'error':
        return throwError(() => error);
      case 'late':
        return new Observable((subscriber) => later((reason) => subscriber.error(reason)));
      case 'reject':
        return rejection(later);
    }
  };
  return {
    faulty(store, life, { side, methods, isPromised, kindOf = (method) => method }) {
      const calls = methods.map((method) => {
        const call = (store[method] as (...args: unknown[]) => unknown).bind(store);
        const faulted = (...args: unknown[]): unknown => {
          const kind = kindOf(method, args);
          if (!life.isAlive() || !isFailing(side, kind)) return call(...args);
          const error = errorOf(pick(['EIO', 'failed', 'quota'] as const));
          say(life.name, () => `${kind} fails: ${error.message}`);
          onFailed?.(life, kind);
          return fail(life, error, isPromised);
        };
        return [method, faulted];
      });
      return { ...store, ...(Object.fromEntries(calls) as Partial<typeof store>) };
    },
  };
}

function errorOf(kind: 'EIO' | 'failed' | 'quota'): Error {
  return kind === 'EIO' ? Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' }) : new StoreError('simulated', kind);
}

/** A promise that rejects in virtual time. */
function rejection(later: (told: (error: Error) => void) => void): PromiseLike<never> {
  const pending = { then: () => pending } as unknown as PromiseLike<never>;
  const then = (_: unknown, failed?: (error: Error) => void): PromiseLike<never> => {
    later((error) => failed?.(error));
    return pending;
  };
  return { then } as unknown as PromiseLike<never>;
}
