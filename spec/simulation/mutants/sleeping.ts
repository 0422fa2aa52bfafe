import type { Mutant } from './mutant.js';

/** Faults in what remains of a session that sleeps. */
export const SLEEPING: readonly Mutant[] = [
  {
    name: 'a sleep that forgets what came out of order',
    why: 'what was finished before a restart has no effect again',
    file: 'lib/server/session/rest.ts',
    find: 'cursor: cursorWith(incoming.receiver.progress, [])',
    replace: 'cursor: { done: incoming.receiver.rx, finished: [] }',
  },
  {
    name: 'asleep with something on its way',
    why: 'what is sent is kept until it is acked',
    file: 'lib/server/session/rest.ts',
    find: 'bytes === 0 && acked === sent && !isBusy',
    replace: 'bytes >= 0',
  },
  {
    name: 'asleep with something to send',
    why: 'what waits is kept until it is sent',
    file: 'lib/server/session/rest.ts',
    find: 'outgoing.isIdle()',
    replace: 'true',
  },
  {
    name: 'asleep before all is processed',
    why: 'what has come is processed, or comes again',
    file: 'lib/server/session/rest.ts',
    find: 'incoming.isIdle()',
    replace: 'true',
  },
  {
    name: 'numbers that begin anew',
    why: 'a session that wakes goes on where it was',
    file: 'lib/server/session/stay.ts',
    find: 'acked: rest?.acked ?? 0',
    replace: 'acked: 0',
  },
];
