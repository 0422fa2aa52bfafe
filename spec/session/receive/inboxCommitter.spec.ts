import { of, Subject, Subscription, throwError, VirtualTimeScheduler, type Observable } from 'rxjs';
import { StoreError } from '../../../lib/errors.js';
import { whenReady, type MaybeAsync } from '../../../lib/internal/maybeAsync.js';
import type { Outcome } from '../../../lib/session/receive/delivery.js';
import { createInboxCommitter } from '../../../lib/session/receive/inboxCommitter.js';
import { AckTracker } from '../../../lib/session/receive/ackTracker.js';
import type { Completion, Cursor } from '../../../lib/session/store/inbox.js';
import type { Wait } from '../../../lib/session/serialTask.js';
import { leaseOf } from '../../support/inboxes.js';

interface Call {
  readonly pid: string;
  readonly cursor: Cursor;
  readonly completions: readonly Completion<unknown>[];
}

const cursor = (done: number, ...finished: number[]): Cursor => ({ done, finished });
const boom = new Error('boom');

/** Commits over an inbox that runs the effects, and answers as `answer` says. */
function start(answer: (call: Call) => MaybeAsync<void>) {
  const calls: Call[] = [];
  const seen: unknown[] = [];
  const session = new Subscription();
  const microtask = new VirtualTimeScheduler();
  const run = (): void => microtask.flush();
  const wait: Wait = (later, done, failed) => {
    session.add(whenReady(later(), done, failed));
  };
  const committer = createInboxCommitter({
    inbox: {
      claim: () => ({ record: undefined, lease: undefined }),
      remember: () => undefined,
      commit({ pid }, at, completions) {
        const call = { pid, cursor: at, completions };
        calls.push(call);
        try {
          for (const { effect } of completions) effect?.(undefined);
        } catch (error) {
          return throwError(() => error);
        }
        return answer(call);
      },
    },
    microtask,
    wait,
    onRejected: (rejections) => seen.push(...rejections.map(({ number, kind }) => `${number} ${kind}`)),
    onDone: () => seen.push('done'),
    onFailed: (error) => seen.push(error),
  });
  const tracker = new AckTracker(undefined, leaseOf('ann'));
  return {
    ...committer,
    run,
    calls,
    seen,
    tracker,
    session,
    /** Adds numbers without outcomes, to the end of the microtask. */
    settle: (...numbers: number[]): void => {
      for (const number of numbers) committer.add(number, [], tracker);
      run();
    },
    cursors: () => calls.map((call) => call.cursor),
  };
}

/** An effect that fails at its first call. */
function failsOnce(): () => void {
  let calls = 0;
  return () => {
    if (calls++ === 0) throw boom;
  };
}

/** Says of itself what it is told. */
const telling = (name: string, seen: unknown[], rest: Partial<Outcome> = {}): Outcome => ({
  ...rest,
  onDone: () => seen.push(`${name} done`),
  onFailed: (error) => seen.push(`${name} failed: ${(error as Error).message}`),
  onAbandoned: () => seen.push(`${name} abandoned`),
});

describe('InboxCommitter', () => {
  it('commits all that was added as one, and marks it when that is stored', () => {
    const answer$ = new Subject<void>();
    const { settle, tracker, seen, cursors } = start(() => answer$);
    settle(1, 2, 4);
    expect(cursors()).toEqual([cursor(2, 4)]);
    expect([tracker.done, seen]).toEqual([0, []]);
    answer$.next();
    expect([tracker.done, tracker.has(4), seen]).toEqual([2, true, ['done']]);
  });

  it('commits one group at a time: messages added in the meantime are the next group', () => {
    const answers: Subject<void>[] = [];
    const { settle, cursors } = start(() => {
      answers.push(new Subject());
      return answers.at(-1)!;
    });
    settle(1);
    settle(2);
    settle(3, 5);
    expect(cursors()).toEqual([cursor(1)]);
    answers[0]!.next();
    expect(cursors()).toEqual([cursor(1), cursor(3, 5)]);
    answers[1]!.next();
    expect(cursors()).toHaveLength(2);
  });

  it('passes the outcome of each message to the inbox, in order, and reports when each is stored', () => {
    const { add, run, tracker, calls, seen } = start(() => of(undefined));
    const effects: string[] = [];
    const [one, two] = [(): void => void effects.push('one'), (): void => void effects.push('two')];
    const deadLetter = { message: {} as never, reason: 'r', error: 'r', attempts: 1, history: [], at: 0 };
    add(1, [telling('a', seen, { effect: one }), telling('b', seen, { effect: two })], tracker);
    add(2, [telling('c', seen, { deadLetter })], tracker);
    run();
    expect([calls.length, effects, calls[0]!.completions[2]]).toMatchObject([1, ['one', 'two'], { deadLetter }]);
    expect(seen).toEqual(['done', 'a done', 'b done', 'c done']);
  });

  it('commits the messages of a failed group one by one, in order: a failing effect must not affect the others', () => {
    const bad = (): void => {
      throw boom;
    };
    const { add, run, tracker, seen, cursors } = start(() => undefined);
    add(1, [telling('a', seen)], tracker);
    add(2, [telling('b', seen, { effect: bad })], tracker);
    add(3, [telling('c', seen)], tracker);
    run();
    expect(cursors()).toEqual([cursor(3), cursor(1), cursor(2), cursor(1, 3)]);
    expect(seen).toEqual(['done', 'a done', 'b failed: boom', 'done', 'c done']);
    expect([tracker.done, tracker.has(3)]).toEqual([1, true]);
  });

  it('commits a message again that is settled again, before or after the others', () => {
    const { add, run, tracker, seen, cursors } = start(() => undefined);
    const again: Outcome = { effect: failsOnce(), onFailed: () => add(1, [telling('again', seen)], tracker) };
    add(1, [again], tracker);
    run();
    expect(cursors()).toEqual([cursor(1), cursor(1)]);
    expect(seen).toEqual(['done', 'again done']);
    expect(tracker.done).toBe(1);
  });

  it('delivers the failure of a statement of an effect to its handler, if the inbox reports it as one of the effect', () => {
    const fails = ({ completions }: Call): MaybeAsync<void> => {
      const failing = completions.find(({ effect }) => effect);
      failing?.onEffectFailed?.();
      return failing && throwError(() => boom);
    };
    const { add, run, tracker, seen, cursors } = start(fails);
    add(1, [telling('a', seen)], tracker);
    add(2, [telling('b', seen, { effect: () => undefined })], tracker);
    run();
    expect(cursors()).toEqual([cursor(2), cursor(1), cursor(2)]);
    expect(seen).toEqual(['done', 'a done', 'b failed: boom']);
  });

  it('fails the session when the failure has no other listener', () => {
    const { settle, seen, tracker } = start(() => throwError(() => boom));
    settle(1);
    expect([seen, tracker.done]).toMatchObject([[{ code: 'ERR_STORE', cause: boom }], 0]);
  });

  it('fails the session once when the inbox fails, and notifies no handler: the messages are not the cause', () => {
    const { add, run, abandon, tracker, seen, calls } = start(() => throwError(() => boom));
    add(1, [telling('a', seen, { effect: () => undefined })], tracker);
    add(2, [telling('b', seen)], tracker);
    run();
    expect([seen, calls.length]).toMatchObject([[{ code: 'ERR_STORE', store: 'inbox', cause: boom }], 1]);
    abandon();
    expect(seen.slice(1)).toEqual(['a abandoned', 'b abandoned']);
  });

  it('takes a StoreError that an effect has met for one of the inbox', () => {
    const full = new StoreError('lmdb', 'quota');
    const { add, run, tracker, seen } = start(() => undefined);
    const effect = (): void => {
      throw full;
    };
    add(1, [telling('a', seen, { effect })], tracker);
    run();
    expect(seen).toEqual([full]);
  });

  it('takes an asynchronous effect, which no inbox supports, for a failure of its handler', () => {
    const { add, run, tracker, seen } = start(() => throwError(() => boom));
    add(1, [telling('a', seen, { effect: () => Promise.resolve() as never })], tracker);
    run();
    expect(seen).toEqual(['a failed: boom']);
  });

  it('separates messages of an earlier session of the peer', () => {
    const { add, run, calls } = start(() => undefined);
    const [before, after] = [new AckTracker(cursor(7), leaseOf('before')), new AckTracker(undefined, leaseOf('after'))];
    add(8, [], before);
    add(1, [], after);
    add(2, [], after);
    run();
    expect(calls.map(({ pid, cursor: { done } }) => `${pid} ${done}`)).toEqual(['before 8', 'after 2']);
  });

  it('does not recurse: 100,000 that fail together with an inbox that answers at once', () => {
    const { add, run, tracker, cursors } = start(() => undefined);
    const effect = failsOnce();
    for (let number = 1; number <= 100_000; number++) add(number, number === 1 ? [{ effect }] : [], tracker);
    run();
    expect(tracker.done).toBe(100_000);
    expect(cursors()).toHaveLength(100_001);
  });

  it('starts nothing after it was abandoned, and notifies all waiting messages', () => {
    const answers: Observable<void>[] = [new Subject()];
    const { add, run, abandon, tracker, seen, calls, session } = start(() => answers.shift());
    add(1, [telling('a', seen)], tracker);
    run();
    add(2, [telling('b', seen)], tracker);
    session.unsubscribe();
    abandon();
    run();
    expect(seen).toEqual(['a abandoned', 'b abandoned']);
    expect(calls).toHaveLength(1);
  });

  it('also notifies messages that wait to be committed one by one', () => {
    const { add, run, abandon, tracker, seen } = start(() => new Subject());
    add(1, [telling('a', seen, { effect: failsOnce() })], tracker);
    add(2, [telling('b', seen)], tracker);
    run();
    abandon();
    expect(seen).toEqual(['a abandoned', 'b abandoned']);
  });
});
