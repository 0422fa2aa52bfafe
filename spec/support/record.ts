import { firstValueFrom, ReplaySubject, type Observable, type Subscription } from 'rxjs';

/** What an Observable does, from when it was subscribed. */
export interface Recording<T> {
  readonly values: readonly T[];
  /** How it ended: `complete`, or its error. */
  readonly ended: Promise<unknown>;
  /** Whether it has ended. */
  readonly isOver: () => boolean;
  /** The value that comes as the `count`th, and all before. */
  readonly take: (count: number) => Promise<readonly T[]>;
  readonly subscription: Subscription;
}

export function record<T>(source: Observable<T>): Recording<T> {
  const values: T[] = [];
  const arrivals: (() => void)[] = [];
  const ended$ = new ReplaySubject<unknown>(1);
  let over = false;
  const end = (how: unknown): void => {
    over = true;
    ended$.next(how);
  };
  const subscription = source.subscribe({
    next: (value) => {
      values.push(value);
      arrivals.splice(0).forEach((arrived) => arrived());
    },
    error: end,
    complete: () => end('complete'),
  });
  const take = async (count: number): Promise<readonly T[]> => {
    while (values.length < count) await new Promise<void>((resolve) => arrivals.push(resolve));
    return values.slice(0, count);
  };
  return { values, take, ended: firstValueFrom(ended$), isOver: () => over, subscription };
}
