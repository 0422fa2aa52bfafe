import { Observable, type Subscriber } from 'rxjs';
import { StoreError } from '../../lib/message/errors.js';
import { isLater } from '../../lib/message/maybeAsync.js';
import {
  runEffect,
  type ChangedLog,
  type Log,
  type LogChange,
  type LogRange,
  type ReadableStore,
  type StoreTransaction,
} from '../../lib/stores/store.js';

interface StoredLog {
  head: unknown;
  last: number;
  readonly entries: Map<number, unknown>;
}

type Contents = Map<string, StoredLog>;

/** Counts an effect in the transaction. */
export type CountEffect = (name: number) => void;

/** A process that uses the disk. Its transactions run in their order, and may be late. */
export interface SimulatedProcess {
  readonly store: ReadableStore<CountEffect>;
  /** Runs the next transaction, with a failure before it if `fails`. Returns whether there was one. */
  run(fails?: boolean): boolean;
  /** Ends the process: its transactions that have not run never do, and it receives no answer. */
  kill(): void;
}

/** A disk in memory: what runs is visible at once, and is durable, and answered, after a flush. */
export interface SimulatedDisk {
  start(): SimulatedProcess;
  /** Answers what has run. An answer that is lost is a failure, though the transaction is stored. */
  flush(isLost?: () => boolean): void;
  /** The power fails: what was not flushed is gone. All processes must be killed, too. */
  loseUnflushed(): void;
  /** Returns a function that puts back what is flushed now. */
  backUp(): () => void;
  /** The numbers of effects, by name. */
  effects(): ReadonlyMap<number, number>;
}

const EFFECTS = 'effects';

export function simulatedDisk(): SimulatedDisk {
  let flushed: Contents = new Map();
  let current: Contents = new Map();
  let answers: ((isLost: boolean) => void)[] = [];

  const logOf = (log: string): StoredLog => {
    const known = current.get(log) ?? { head: undefined, last: 0, entries: new Map<number, unknown>() };
    current.set(log, known);
    return known;
  };
  const transaction: StoreTransaction<CountEffect> = {
    read: (log, range) => readLog(current, log, range),
    change: (log, change) => changeLog(logOf(log), change),
    perform: (effect) => runEffect(effect, (name) => void logOf(EFFECTS).entries.set(name, countIn(current, name) + 1)),
  };

  const start = (): SimulatedProcess => {
    let waiting: (() => void)[] = [];
    let isAlive = true;
    const transact = <T>(work: (one: StoreTransaction<CountEffect>) => T, subscriber: Subscriber<T>): void => {
      const before = current;
      current = copyOf(current);
      try {
        const result = work(transaction);
        if (isLater(result)) throw new Error('the work of a transaction waits');
        answers.push((isLost) => {
          if (!isAlive) return;
          if (isLost) return subscriber.error(new StoreError('simulated', 'failed'));
          subscriber.next(result);
          subscriber.complete();
        });
      } catch (error) {
        current = before;
        if (isAlive) subscriber.error(error);
      }
    };
    return {
      store: {
        name: 'simulated',
        transact: (_, work) => new Observable((subscriber) => void waiting.push(() => transact(work, subscriber))),
        read: (log, range) => readLog(flushed, log, range),
        count: (log) => readLog(flushed, log).entries.length,
        close: () => undefined,
      },
      run(fails = false) {
        const next = waiting.shift();
        if (fails && next) waiting = [];
        else next?.();
        return next !== undefined;
      },
      kill() {
        isAlive = false;
        waiting = [];
      },
    };
  };
  return {
    start,
    flush(isLost = () => false) {
      flushed = copyOf(current);
      const ready = answers;
      answers = [];
      for (const answer of ready) answer(isLost());
    },
    loseUnflushed() {
      current = copyOf(flushed);
      answers = [];
    },
    backUp() {
      const kept = copyOf(flushed);
      return () => {
        [flushed, current, answers] = [copyOf(kept), copyOf(kept), []];
      };
    },
    effects: () => new Map([...(flushed.get(EFFECTS)?.entries ?? [])].map(([name, count]) => [name, count as number])),
  };
}

const countIn = (contents: Contents, name: number): number => (contents.get(EFFECTS)?.entries.get(name) as number | undefined) ?? 0;

function readLog(contents: Contents, log: string, { after = 0, limit = Infinity }: LogRange = {}): Log {
  const { head, last = 0, entries = new Map<number, unknown>() } = contents.get(log) ?? {};
  const found = [...entries].filter(([key]) => key > after).sort(([a], [b]) => a - b);
  return { head, last, entries: found.slice(0, limit).map(([key, value]) => ({ key, value })) };
}

function changeLog(log: StoredLog, { head, drop = [], put = [], maxCount = Infinity }: LogChange): ChangedLog {
  for (const [from, to] of drop) for (const key of log.entries.keys()) if (key >= from && key <= to) log.entries.delete(key);
  for (const { key = log.last + 1, value } of put) {
    log.entries.set(key, structuredClone(value));
    log.last = Math.max(log.last, key);
  }
  if (head !== undefined) log.head = structuredClone(head);
  const keys = [...log.entries.keys()].sort((a, b) => a - b).slice(0, Math.max(0, log.entries.size - maxCount));
  const evicted = keys.map((key) => ({ key, value: log.entries.get(key) }));
  for (const key of keys) log.entries.delete(key);
  return { evicted };
}

function copyOf(contents: Contents): Contents {
  return new Map([...contents].map(([name, { head, last, entries }]) => [name, { head, last, entries: new Map(entries) }]));
}
