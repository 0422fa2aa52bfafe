import type { Mutant } from './mutant.js';

/** What a sender gets wrong. */
export const SENDING: readonly Mutant[] = [
  {
    name: 'window off by one',
    why: 'sent − acked ≤ window',
    file: 'lib/session/flight.ts',
    find: 'lastOf(batch) > state.limit ||',
    replace: 'lastOf(batch) > state.limit + 1 ||',
  },
  {
    name: 'no window in bytes',
    why: 'the receiver says how many bytes may be on their way',
    file: 'lib/session/flight.ts',
    find: '|| bytesFlying > state.bytesAllowed)',
    replace: ')',
  },
  {
    name: 'send again what is accepted',
    why: 'what is sent again begins behind rx',
    file: 'lib/session/flight.ts',
    find: 'lastOf(batch) <= rx;',
    replace: 'lastOf(batch) < rx;',
  },
  {
    name: 'acked once sent',
    why: 'a receipt says what is true',
    file: 'lib/session/flight.ts',
    find: "ledger.note(id, 'sent');",
    replace: "ledger.close(id, 'acked');",
  },
  {
    name: 'send what has expired',
    why: 'what has expired is skipped',
    file: 'lib/session/batches.ts',
    find: 'return numbers.length < count ? [skip, frame] : [skip];',
    replace: 'return skip ? [frame] : [];',
  },
  {
    name: 'send before it is stored',
    why: 'a number is stored before it is used',
    file: 'lib/session/sender.ts',
    find: '(keeper ? keeper.append(make) : make())',
    replace: 'chain(make(), (batches) => { add(batches); return keeper ? chain(keeper.append(() => batches), () => []) : []; })',
  },
  {
    name: 'number at most once',
    why: 'an at-most-once message is sent once',
    file: 'lib/session/sendQueue.ts',
    find: 'isSure(levelOf(message)) ? (sure ??= create()) : (unsure ??= create())',
    replace: 'sure ??= create()',
  },
  {
    name: 'trim before the ack',
    why: 'a message is kept until it is acked',
    file: 'lib/session/outgoing.ts',
    find: 'trim(flight.acked)',
    replace: 'trim(flight.sent)',
  },
  {
    name: 'out of order after a reconnect',
    why: 'what is sent again keeps its order',
    file: 'lib/session/flight.ts',
    find: '[...flying.values(), ...waiting.values()]',
    replace: '[...waiting.values(), ...flying.values()]',
  },
];
