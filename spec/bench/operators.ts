import {
  bufferTime,
  defer,
  distinct,
  EMPTY,
  filter,
  from,
  groupBy,
  map,
  mergeMap,
  retry,
  Subject,
  throwError,
  timer,
  VirtualTimeScheduler,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import { batchByKey, type Batch } from '../../lib/operators/batchByKey.js';
import { dedupe } from '../../lib/operators/dedupe.js';
import { priorityMerge } from '../../lib/operators/priorityMerge.js';
import { retryBackoff } from '../../lib/operators/retryBackoff.js';
import { compare, retained, type Comparison, type Prepare, type Result, type Suite } from './bench.js';

interface Item {
  readonly id: string;
  readonly key: string;
  readonly priority: number;
}

const MILLION = 1_000_000;

/** Every suite starts from the same: ids as long as those of messages, keys in a mixed order, priorities that differ. */
function makeItems(count: number, keys: number): readonly Item[] {
  const names = Array.from({ length: keys }, (_, index) => `sandbox-${index}`);
  return Array.from({ length: count }, (_, index) => ({
    id: index.toString(36).padStart(21, '0'),
    key: names[(index * 7_919) % keys] ?? '',
    priority: (index * 7) % 4,
  }));
}

/** Runs all items through an operator, synchronously; throws when it did not let as many through as it should. */
function through<T>(items: readonly Item[], operator: () => OperatorFunction<Item, T>, count: (value: T) => number): Prepare {
  return () => () => {
    let seen = 0;
    from(items)
      .pipe(operator())
      .subscribe((value) => (seen += count(value)));
    if (seen !== items.length) throw new Error(`${seen} of ${items.length} came through`);
  };
}

const one = (): number => 1;

function dedupeSpeed(): Comparison {
  const items = makeItems(MILLION, 1);
  return {
    name: `dedupe, ${MILLION.toLocaleString('en')} distinct keys`,
    baseline: 'distinct',
    operations: items.length,
    ours: through(items, () => dedupe(), one),
    theirs: through(items, () => distinct(({ id }) => id), one),
    goal: 0.8,
    rounds: 5,
  };
}

/** How much an operator still holds after all those keys, while its subscription is open. */
function dedupeMemory(): Result {
  const items = makeItems(MILLION, 1);
  const held = (operator: OperatorFunction<Item, Item>): number =>
    retained(() => {
      const source = new Subject<Item>();
      const subscription = source.pipe(operator).subscribe();
      for (const item of items) source.next(item);
      return [source, subscription];
    });
  const [ours, theirs] = [held(dedupe()), held(distinct(({ id }) => id))];
  const ratio = theirs / ours;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return {
    name: 'dedupe, heap held after them',
    baseline: 'distinct',
    ours: mebibytes(ours),
    theirs: mebibytes(theirs),
    ratio,
    min: ratio,
    max: ratio,
    goal: 10,
  };
}

/** What one would write without `batchByKey`. Idle groups emit empty arrays, and no group is ever let go. */
function groupAndBuffer(): OperatorFunction<Item, Batch<string, Item>> {
  return (source) =>
    source.pipe(
      groupBy(({ key }) => key),
      mergeMap((group) =>
        group.pipe(
          bufferTime(1_000, null, 100),
          filter((items): items is [Item, ...Item[]] => items.length > 0),
          map((items) => ({ key: group.key, items })),
        ),
      ),
    );
}

function batchSpeed(keys: number): Comparison {
  // Short runs in turns, and many of them: what disturbs one run disturbs few.
  const [count, rounds] = keys > 1_000 ? [200_000, 5] : [20_000, 101];
  const items = makeItems(count, keys);
  const size = ({ items }: Batch<string, Item>): number => items.length;
  return {
    name: `batchByKey, ${keys.toLocaleString('en')} ${keys === 1 ? 'key' : 'keys'}`,
    baseline: 'groupBy + bufferTime',
    operations: items.length,
    ours: through(items, () => batchByKey(({ key }) => key), size),
    theirs: through(items, groupAndBuffer, size),
    goal: 3,
    rounds,
  };
}

type Merge = (project: () => Observable<never>, depth: number) => OperatorFunction<Item, never>;

const DEEP = 100_000;
const FLAT = 10;

const byPriority: Merge = (project, depth) => priorityMerge(project, { concurrency: 1, maxSize: depth });

/** With `depth` values waiting: one more comes, one inner stream completes, and so the next starts. */
function comeAndGo(merge: Merge, depth: number, items: readonly Item[]): Prepare {
  const waiting = makeItems(depth + 1, 1);
  return () => {
    const source = new Subject<Item>();
    let inner = new Subject<never>();
    const project = (): Observable<never> => (inner = new Subject<never>());
    source.pipe(merge(project, depth + 1)).subscribe();
    for (const item of waiting) source.next(item);
    return () => {
      for (const item of items) {
        source.next(item);
        inner.complete();
      }
    };
  };
}

/** With `depth` values waiting, and no room: one more comes, and the oldest is dropped. */
function overflow(depth: number, items: readonly Item[]): Prepare {
  const waiting = makeItems(depth + 1, 1);
  return () => {
    const source = new Subject<Item>();
    source.pipe(byPriority(() => new Subject<never>(), depth)).subscribe();
    for (const item of waiting) source.next(item);
    return () => {
      for (const item of items) source.next(item);
    };
  };
}

function mergeDepth(): Comparison {
  const items = makeItems(50_000, 1);
  return {
    name: `priorityMerge, ${DEEP.toLocaleString('en')} waiting`,
    baseline: `${FLAT} waiting`,
    operations: items.length,
    ours: comeAndGo(byPriority, DEEP, items),
    theirs: comeAndGo(byPriority, FLAT, items),
    goal: 0.5,
  };
}

function mergeOverflow(): Comparison {
  const items = makeItems(50_000, 1);
  return {
    name: `priorityMerge, full at ${DEEP.toLocaleString('en')}`,
    baseline: `full at ${FLAT}`,
    operations: items.length,
    ours: overflow(DEEP, items),
    theirs: overflow(FLAT, items),
    goal: 0.5,
  };
}

/** What order by priority, bounds, ages and reports cost. */
function mergeAndMergeMap(): Comparison {
  const items = makeItems(50_000, 1);
  return {
    name: `priorityMerge, ${FLAT} waiting`,
    baseline: 'mergeMap',
    operations: items.length,
    ours: comeAndGo(byPriority, FLAT, items),
    theirs: comeAndGo((project) => mergeMap(project, 1), FLAT, items),
  };
}

/** A source that fails so often before it completes; in virtual time, so that waiting takes none. */
function failing(failures: number, operator: (scheduler: VirtualTimeScheduler) => OperatorFunction<never, never>): Prepare {
  return () => () => {
    const scheduler = new VirtualTimeScheduler();
    let attempts = 0;
    defer(() => (attempts++ < failures ? throwError(() => attempts) : EMPTY))
      .pipe(operator(scheduler))
      .subscribe();
    scheduler.flush();
    if (attempts !== failures + 1) throw new Error(`${attempts} attempts`);
  };
}

const backoff = { initialInterval: 1, maxInterval: 1, resetOnSuccess: true };

function retryValues(): Comparison {
  const items = makeItems(MILLION, 1);
  return {
    name: 'retryBackoff, values passed on',
    baseline: 'retry',
    operations: items.length,
    ours: through(items, () => retryBackoff(backoff), one),
    theirs: through(items, () => retry({ delay: 1, resetOnSuccess: true }), one),
  };
}

function retries(): Comparison {
  const failures = 20_000;
  return {
    name: 'retryBackoff, retries',
    baseline: 'retry',
    operations: failures,
    ours: failing(failures, (scheduler) => retryBackoff({ ...backoff, scheduler })),
    theirs: failing(failures, (scheduler) => retry({ delay: () => timer(1, scheduler) })),
  };
}

export const suite: Suite = [
  () => compare(dedupeSpeed()),
  dedupeMemory,
  ...[1, 100, 10_000].map((keys) => () => compare(batchSpeed(keys))),
  () => compare(mergeDepth()),
  () => compare(mergeOverflow()),
  () => compare(mergeAndMergeMap()),
  () => compare(retryValues()),
  () => compare(retries()),
];
