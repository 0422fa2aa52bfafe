import type { Mutant } from './mutant.js';

/** What goes wrong when a client returns that has finished messages out of order: so seldom that only seeds about that find it. */
export const RETURNING_MUTANTS: readonly Mutant[] = [
  {
    name: 'apply an early ack at once',
    why: 'an ack that arrives before the agreement is applied then',
    file: 'lib/session/endpoint.ts',
    find: 'if (!isEarly) this.sender.acknowledge',
    replace: 'this.sender.acknowledge',
  },
  {
    name: 'ignore an early ack',
    why: 'messages that the first ack covers are not sent again',
    file: 'lib/session/endpoint.ts',
    find: 'this.sender.attach(this, accepted,',
    replace: 'this.sender.attach(this, rx,',
  },
  {
    name: 'send a hello while a token is being stored',
    why: 'a crash does not restore a token that is not valid any more',
    file: 'lib/session/client.ts',
    find: 'if (state.onStored) state.onStored =',
    replace: 'if (state.attempts < 0) state.onStored =',
  },
];
