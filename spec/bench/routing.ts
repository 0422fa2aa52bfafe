import { from, map, type MonoTypeOperatorFunction } from 'rxjs';
import { createRouter } from '../../lib/operators/routing/route.js';
import { use } from '../../lib/operators/routing/use.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { compare, retained, type Comparison, type Prepare, type Result, type Suite } from './bench.js';

const MESSAGES = 500_000;
const FEW = 10;
const MANY = 10_000;
const GOAL = 2_000_000;

/** A quarter of the patterns each: exact, and with wildcards in all places. */
function patternsOf(count: number): readonly string[] {
  const kinds = [(n: number) => `app.${n}.go`, (n: number) => `app.${n}.*`, (n: number) => `*.${n}.go`, (n: number) => `app.${n}.**`];
  return Array.from({ length: count }, (_, index) => (kinds[index % 4] ?? String)(Math.floor(index / 4)));
}

/** Messages of so many types; each type has a handler. */
function messagesOf(types: number, count = MESSAGES): readonly Message[] {
  return Array.from({ length: count }, (_, index) => createMessage(`app.${index % types}.go`, index, { id: String(index), timestamp: 0 }));
}

/** Routes all messages; throws when fewer handlers were called than there were messages. */
function routing(patterns: number, messages: readonly Message[], make = patternsOf): Prepare {
  return () => {
    let called = 0;
    const count = (): void => {
      called++;
    };
    const router = createRouter();
    for (const pattern of make(patterns)) router.add(pattern, count);
    return () => {
      from(messages).pipe(router.route).subscribe();
      if (called < messages.length) throw new Error(`${called} of ${messages.length} were routed`);
    };
  };
}

function flatness(): Comparison {
  const messages = messagesOf(2);
  return {
    name: `route, ${MANY.toLocaleString('en')} patterns`,
    baseline: `${FEW} patterns`,
    operations: messages.length,
    ours: routing(MANY, messages),
    theirs: routing(FEW, messages),
    goal: 0.5,
  };
}

/** Each lookup goes to the trie: no type comes twice. */
function uncached(): Comparison {
  const messages = messagesOf(MESSAGES);
  const make = (count: number): readonly string[] => [...patternsOf(count), '**'];
  return {
    name: `route, ${MANY.toLocaleString('en')} patterns, no type twice`,
    baseline: `${FEW} patterns`,
    operations: messages.length,
    ours: routing(MANY, messages, make),
    theirs: routing(FEW, messages, make),
    goal: 0.5,
    rounds: 5,
  };
}

/** The fastest of some runs: what one can do, whatever else the machine does meanwhile. */
function speed(): Result {
  const messages = messagesOf(1_000);
  const prepare = routing(MANY, messages, (count) => [...patternsOf(count - 1_000).map((name) => `x.${name}`), ...exact(1_000)]);
  const seconds = Math.min(
    ...Array.from({ length: 15 }, () => {
      const run = prepare();
      const start = performance.now();
      run();
      return (performance.now() - start) / 1_000;
    }),
  );
  const rate = messages.length / seconds;
  const ratio = rate / GOAL;
  const millions = (value: number): string => `${(value / 1e6).toFixed(1)} M/s`;
  return {
    name: `route, 1,000 types, ${MANY.toLocaleString('en')} patterns`,
    baseline: 'goal',
    ours: millions(rate),
    theirs: millions(GOAL),
    ratio,
    min: ratio,
    max: ratio,
    goal: 1,
  };
}

const exact = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `app.${index}.go`);

/** What a router still holds after a million types, to what a Map of them would. */
function memory(): Result {
  const held = (router: ReturnType<typeof createRouter>, remember: (type: string) => void): number =>
    retained(() => {
      for (let n = 0; n < 1_000_000; n++) {
        const type = `app.${n}.go`;
        remember(type);
        from([createMessage(type, null, { id: 'a', timestamp: 0 }) as Message])
          .pipe(router.route)
          .subscribe();
      }
      return [router, remember];
    });
  const all = new Map<string, true>();
  const theirs = held(createRouter(), (type) => void all.set(type, true));
  const ours = held(createRouter(), () => undefined);
  const ratio = theirs / ours;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return {
    ...{ name: 'route, heap held after a million types', baseline: `all ${all.size.toLocaleString('en')} in a Map` },
    ...{ ours: mebibytes(ours), theirs: mebibytes(theirs), ratio, min: ratio, max: ratio, goal: 10 },
  };
}

function middleware(): Comparison {
  const messages = messagesOf(10);
  const through =
    (operator: () => MonoTypeOperatorFunction<Message>): Prepare =>
    () =>
    () => {
      let seen = 0;
      from(messages)
        .pipe(operator())
        .subscribe(() => seen++);
      if (seen !== messages.length) throw new Error(`${seen} of ${messages.length} came through`);
    };
  const stamp = (message: Message): Message => message;
  return {
    name: 'use, done at once',
    baseline: 'map',
    operations: messages.length,
    ours: through(() => use(stamp)),
    theirs: through(() => map(stamp)),
    goal: 0.25,
  };
}

export const suite: Suite = [speed, () => compare(flatness()), () => compare(uncached()), memory, () => compare(middleware())];
