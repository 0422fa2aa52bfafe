import type { Mutant } from './mutant.js';

/** What goes wrong between an effect and its ack. */
export const COMMITTING: readonly Mutant[] = [
  {
    name: 'cursor before effect',
    why: 'effect and cursor are one transaction',
    file: 'lib/session/commits.ts',
    find: 'wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);',
    replace: `const effects = (): void => wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);
      wait(() => inbox.commit(progress.pid, cursor, []), effects, failed);`,
  },
  {
    name: 'effect before cursor',
    why: 'effect and cursor are one transaction',
    file: 'lib/session/commits.ts',
    find: 'wait(() => inbox.commit(progress.pid, cursor, outcomesOf(group)), done, failed);',
    replace: `const then = (): void => wait(() => inbox.commit(progress.pid, cursor, []), done, failed);
      wait(() => inbox.commit(progress.pid, cursorWith(progress, []), outcomesOf(group)), then, failed);`,
  },
  {
    name: 'ack before the commit',
    why: 'what is acked outlives a crash',
    file: 'lib/session/settling.ts',
    find: 'commits.add(number, outcomes, progress);',
    replace: '(commits.add(number, outcomes, progress), progress.mark(number), options.onDone());',
  },
  {
    name: 'cursor without what is finished above it',
    why: 'what was finished out of order is not done again after a crash',
    file: 'lib/session/progress.ts',
    find: 'finished: [...above, ...numbers].filter((number) => number > then.done)',
    replace: 'finished: [...above, ...numbers].filter((number) => number < 0)',
  },
];
