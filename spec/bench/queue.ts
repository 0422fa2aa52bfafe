import { mergeMap, NEVER, Subject, VirtualTimeScheduler, type Observable } from 'rxjs';
import { queue } from '../../lib/operators/queue/queue.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { MessagePriority } from '../../lib/message/messagePriority.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { compare, type Comparison, type Prepare, type Suite } from './bench.js';

const DEEP = 100_000;
const FLAT = 10;
const COUNT = 20_000;

function makeMessages(count: number): readonly Message[] {
  return Array.from({ length: count }, (_, index) =>
    createMessage('bench.item', null, { id: String(index), timestamp: 0, priority: ((index * 7) % 4) as MessagePriority }),
  );
}

/** A way to have messages processed, one at a time. */
type Way = (handler: () => Observable<never>, depth: number) => (message: Message) => void;

const queued: Way = (handler, depth) => {
  // Its timers shall not keep what it holds while the next one runs.
  const { next, process } = queue('bench', { maxSize: depth, scheduler: new VirtualTimeScheduler() });
  process(handler).subscribe();
  return next;
};
const consumed: Way = (handler, depth) => {
  const source = new Subject<Message>();
  source.pipe(consume(handler, { maxWaiting: depth + 2 })).subscribe();
  return (message) => source.next(message);
};
const merged: Way = (handler) => {
  const source = new Subject<Message>();
  source.pipe(mergeMap(handler, 1)).subscribe();
  return (message) => source.next(message);
};

/** With `depth` messages waiting: one more comes, one handler completes, and so the next starts. */
function comeAndGo(way: Way, depth: number, messages: readonly Message[]): Prepare {
  const waiting = makeMessages(depth);
  return () => {
    let work = new Subject<never>();
    const next = way(() => (work = new Subject<never>()), depth + 1);
    for (const message of waiting) next(message);
    return () => {
      for (const message of messages) {
        next(message);
        work.complete();
      }
    };
  };
}

/** With `depth` messages waiting, and no room: one more comes, and the oldest is dropped. */
function overflow(depth: number, messages: readonly Message[]): Prepare {
  const waiting = makeMessages(depth + 1);
  return () => {
    const next = queued(() => NEVER, depth);
    for (const message of waiting) next(message);
    return () => {
      for (const message of messages) next(message);
    };
  };
}

const messages = makeMessages(COUNT);
const deep = DEEP.toLocaleString('en');

function depth(): Comparison {
  const [name, baseline] = [`queue, ${deep} waiting`, `${FLAT} waiting`];
  const [ours, theirs] = [comeAndGo(queued, DEEP, messages), comeAndGo(queued, FLAT, messages)];
  return { name, baseline, operations: COUNT, ours, theirs, goal: 0.5 };
}

function full(): Comparison {
  const [name, baseline] = [`queue, full at ${deep}`, `full at ${FLAT}`];
  return { name, baseline, operations: COUNT, ours: overflow(DEEP, messages), theirs: overflow(FLAT, messages), goal: 0.5 };
}

/** What order by priority, bounds, ages and reports cost beside retries and dead letters, or beside nothing. */
function against(baseline: string, way: Way): Comparison {
  const [ours, theirs] = [comeAndGo(queued, FLAT, messages), comeAndGo(way, FLAT, messages)];
  return { name: `queue, ${FLAT} waiting`, baseline, operations: COUNT, ours, theirs };
}

export const suite: Suite = [
  () => compare(depth()),
  () => compare(full()),
  () => compare(against('consume', consumed)),
  () => compare(against('mergeMap', merged)),
];
