import { array, assert, constant, integer, nat, oneof, property, record, type Arbitrary } from 'fast-check';
import { ConnectionLostError } from '../../../lib/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import type { AckTracker } from '../../../lib/session/receive/ackTracker.js';
import { Receiver } from '../../../lib/session/receive/receiver.js';

type Step =
  /** A batch comes that begins so far from where the receiver is. */
  | { readonly kind: 'batch'; readonly from: number; readonly count: number }
  | { readonly kind: 'skip'; readonly from: number; readonly count: number }
  /** A handler is done. */
  | { readonly kind: 'settle'; readonly which: number }
  /** The process dies, and comes back with what an inbox has of it. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'expect'; readonly from: number };

const near = integer({ min: -6, max: 3 });
const count = integer({ min: 1, max: 6 });
const steps: Arbitrary<readonly Step[]> = array(
  oneof(
    { weight: 4, arbitrary: record({ kind: constant('batch' as const), from: near, count }) },
    { weight: 2, arbitrary: record({ kind: constant('skip' as const), from: near, count }) },
    { weight: 4, arbitrary: record({ kind: constant('settle' as const), which: nat() }) },
    { weight: 1, arbitrary: record({ kind: constant('restart' as const) }) },
    { weight: 1, arbitrary: record({ kind: constant('expect' as const), from: near }) },
  ),
  { maxLength: 80, size: 'max' },
);

/** The rules, said with sets of numbers: slow, but plain to see. */
function createModel() {
  let rx = 0;
  let handed: number[] = [];
  const done = new Set<number>();
  const skipped = new Set<number>();

  const prefix = (): number => {
    let number = 0;
    while (done.has(number + 1)) number++;
    return number;
  };
  const catchUp = (): number => (rx = Math.max(rx, prefix()));
  const takeSkipped = (): void => {
    for (; skipped.has(rx + 1); rx++) done.add(rx + 1);
  };
  return {
    rx: catchUp,
    prefix,
    handed: () => handed,
    batch(first: number, last: number): boolean {
      if (first > catchUp() + 1) return false;
      takeSkipped();
      while (rx < last) {
        if (!done.has(++rx)) handed.push(rx);
        takeSkipped();
      }
      return true;
    },
    skip(numbers: readonly number[]): void {
      for (const number of numbers) if (number > catchUp()) skipped.add(number);
      takeSkipped();
    },
    settle(number: number): void {
      handed = handed.filter((one) => one !== number);
      done.add(number);
    },
    restart(): void {
      handed = [];
      skipped.clear();
      rx = prefix();
    },
  };
}

/** A receiver with its inbox, and the messages that it has delivered and that are not processed. */
function createReal() {
  let open = new Map<number, AckTracker>();
  const make = () =>
    new Receiver({
      window: 10_000,
      windowBytes: 10_000,
      onMessage(message, number, tracker) {
        expect(message.id).toBe(String(number));
        open.set(number, tracker);
      },
      onSkipped: (number, tracker) => tracker.mark(number),
      onMissed: () => undefined,
    });
  let receiver = make();
  receiver.begin();
  return {
    receiver: () => receiver,
    handed: () => [...open.keys()],
    settle(number: number): void {
      open.get(number)?.mark(number);
      open.delete(number);
    },
    restart(): void {
      const cursor = receiver.tracker.cursorWith([]);
      open = new Map();
      receiver = make();
      receiver.begin(cursor);
    },
  };
}

const range = (first: number, length: number): readonly number[] => Array.from({ length }, (_, index) => first + index);
const messageOf = (number: number): Message => createMessage('sim.said', null, { id: String(number), timestamp: 0 });

/** Whether it was taken; a gap is told by an error. */
function isTaken(task: () => void): boolean {
  try {
    task();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectionLostError);
    return false;
  }
}

describe('receiver', () => {
  it('behaves as sets of numbers: each number once, in order, up to the first gap', () => {
    assert(
      property(steps, (list) => {
        const real = createReal();
        const model = createModel();
        for (const step of list) {
          const first = 'from' in step ? Math.max(1, model.rx() + 1 + step.from) : 0;
          if (step.kind === 'batch') {
            const numbers = range(first, step.count);
            const taken = isTaken(() => real.receiver().accept(first, numbers.map(messageOf), 0));
            expect(taken).toBe(model.batch(first, first + step.count - 1));
          } else if (step.kind === 'skip') {
            real.receiver().skip(range(first, step.count));
            model.skip(range(first, step.count));
          } else if (step.kind === 'expect') {
            expect(isTaken(() => real.receiver().expect(first))).toBe(first <= model.rx());
          } else if (step.kind === 'settle') {
            const number = model.handed()[step.which % model.handed().length];
            if (number === undefined) continue;
            real.settle(number);
            model.settle(number);
          } else {
            real.restart();
            model.restart();
          }
          expect([real.receiver().rx, real.receiver().tracker.done, real.handed()]).toEqual([model.rx(), model.prefix(), model.handed()]);
        }
      }),
    );
  });
});
