import type { Mutant } from './mutant.js';

/** What a receiver gets wrong. */
export const RECEIVING: readonly Mutant[] = [
  {
    name: 'ack on receive',
    why: 'only what is done is acked',
    file: 'lib/session/incoming.ts',
    find: 'sendAck(receiver.progress.done)',
    replace: 'sendAck(receiver.rx)',
  },
  {
    name: 'accept a gap',
    why: 'numbers are accepted one after the other',
    file: 'lib/session/receiver.ts',
    find: 'if (first > accepted() + 1) throw',
    replace: 'if (first > accepted() + 1) rx = first - 1; if (first < 0) throw',
  },
  {
    name: 'accept a repeat',
    why: 'a number is accepted once',
    file: 'lib/session/receiver.ts',
    find: 'for (let index = rx + 1 - first;',
    replace: 'for (let index = ((rx = Math.min(rx, first - 1)), 0);',
  },
  {
    name: 'ignore skip',
    why: 'what is skipped does not come',
    file: 'lib/session/reading.ts',
    find: 'incoming.receiver.skip(frame.numbers)',
    replace: 'incoming.receiver.rx',
  },
  {
    name: 'forget what is finished',
    why: 'what was finished out of order is not done again after a crash',
    file: 'lib/session/receiver.ts',
    find: 'else if (!mine.has(number)) hand',
    replace: 'else hand',
  },
  {
    name: 'do not catch up',
    why: 'what was finished before a restart is accepted once all before it is done',
    file: 'lib/session/receiver.ts',
    find: 'while (rx < progress.done) skipped.delete(++rx);',
    replace: '',
  },
  {
    name: 'go on in a new session',
    why: 'the numbers of a new session begin anew',
    file: 'lib/session/client.ts',
    find: 'endpoint.incoming.receiver.begin(sid);',
    replace: '',
  },
  {
    name: 'numbered messages dropped at the gate',
    why: 'what is accepted is handed over',
    file: 'lib/session/gate.ts',
    find: 'else held.push([message, settle]);',
    replace: 'else if (held.length < maxHeld) held.push([message, settle]);',
  },
];
