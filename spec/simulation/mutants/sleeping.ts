import type { Mutant } from './mutant.js';

/** Faults in what remains of a session that sleeps. */
export const SLEEPING: readonly Mutant[] = [
  {
    name: 'a sleep that forgets what came out of order',
    why: 'what was finished before a restart has no effect again',
    file: 'lib/server/session/snapshot.ts',
    find: 'cursor: receiver.tracker.cursorWith([])',
    replace: 'cursor: { done: receiver.rx, finished: [] }',
  },
  {
    name: 'asleep with something on its way',
    why: 'what is sent is kept until it is acked',
    file: 'lib/server/session/snapshot.ts',
    find: 'bytes > 0 || acked !== sent || isBusy ||',
    replace: '',
  },
  {
    name: 'asleep with something to send',
    why: 'what waits is kept until it is sent',
    file: 'lib/server/session/snapshot.ts',
    find: '!sender.isIdle() ||',
    replace: '',
  },
  {
    name: 'asleep before all is processed',
    why: 'what has come is processed, or comes again',
    file: 'lib/server/session/snapshot.ts',
    find: '!endpoint.isIdle() ||',
    replace: '',
  },
  {
    name: 'numbers that begin anew',
    why: 'a session that wakes goes on where it was',
    file: 'lib/session/send/sender.ts',
    find: 'this.#last = sent;\n    this.inFlight.begin(acked, sent, batches);',
    replace: 'this.#last = 0;\n    this.inFlight.begin(0, 0, batches);',
  },
];
