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
];
