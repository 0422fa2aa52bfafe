import type { Mutant } from './mutant.js';

/** What goes wrong when a client returns that has finished messages out of order: so seldom that only seeds about that find it. */
export const RETURNING_MUTANTS: readonly Mutant[] = [
  {
    name: 'an early ack that is applied at once',
    why: 'an ack that comes before both have agreed is applied then: it is no sign that the other side has forgotten something',
    file: 'lib/session/endpoint.ts',
    find: 'if (!isEarly) this.sender.acknowledge',
    replace: 'this.sender.acknowledge',
  },
  {
    name: 'an early ack that tells nothing',
    why: 'what the first ack tells of is not sent again',
    file: 'lib/session/endpoint.ts',
    find: 'this.sender.attach(this, accepted,',
    replace: 'this.sender.attach(this, rx,',
  },
  {
    name: 'a hello while a token is being stored',
    why: 'a crash does not bring back a token that is of no use any more',
    file: 'lib/session/client.ts',
    find: 'if (state.onStored) state.onStored =',
    replace: 'if (state.attempts < 0) state.onStored =',
  },
];
