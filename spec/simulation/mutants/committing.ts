import type { Mutant } from './mutant.js';

/** What goes wrong between an effect and its ack. */
export const COMMITTING: readonly Mutant[] = [
  {
    name: 'cursor before effect',
    why: 'effect and cursor are one transaction',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: 'wait(recorded$ ? () => recorded$.pipe(mergeMap(() => asObservable(commit))) : commit, done, failed);',
    replace: `const effects = (): void => wait(() => inbox.commit(tracker.lease as InboxLease, cursor, outcomesOf(group)), done, failed);
      wait(() => inbox.commit(tracker.lease as InboxLease, cursor, []), effects, failed);`,
  },
  {
    name: 'effect before cursor',
    why: 'effect and cursor are one transaction',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: 'wait(recorded$ ? () => recorded$.pipe(mergeMap(() => asObservable(commit))) : commit, done, failed);',
    replace: `const then = (): void => wait(() => inbox.commit(tracker.lease as InboxLease, cursor, []), done, failed);
      wait(() => inbox.commit(tracker.lease as InboxLease, tracker.cursorWith([]), outcomesOf(group)), then, failed);`,
  },
  {
    name: 'ack before the commit',
    why: 'acked messages outlive a crash',
    file: 'lib/session/endpoint.ts',
    find: 'this.#committer.add(number, outcomes, mine);',
    replace: '(this.#committer.add(number, outcomes, mine), mine.mark(number), this.#acks.processed(this.receiver.tracker.done));',
  },
  {
    name: 'cursor without the finished messages above it',
    why: 'a message that was finished out of order has no effect again after a crash',
    file: 'lib/session/receive/ackTracker.ts',
    find: 'const finished = [...above, ...numbers].filter((number) => number > then.done)',
    replace: 'const finished = [...above, ...numbers].filter((number) => number < 0)',
  },
];
