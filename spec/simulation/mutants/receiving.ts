import type { Mutant } from './mutant.js';

/** What a receiver gets wrong. */
export const RECEIVING: readonly Mutant[] = [
  {
    name: 'ack on receive',
    why: 'only what is done is acked',
    file: 'lib/session/endpoint.ts',
    find: 'return ackable(this.receiver.tracker.done);',
    replace: 'return ackable(this.receiver.rx);',
  },
  {
    name: 'accept a gap',
    why: 'numbers are accepted one after the other',
    file: 'lib/session/receive/receiver.ts',
    find: 'if (first > rx + 1) throw',
    replace: 'if (first > rx + 1) this.#rx = first - 1; if (first < 0) throw',
  },
  {
    name: 'accept a repeat',
    why: 'a number is accepted once',
    file: 'lib/session/receive/receiver.ts',
    find: 'for (let index = this.#rx + 1 - first;',
    replace: 'for (let index = ((this.#rx = Math.min(this.#rx, first - 1)), 0);',
  },
  {
    name: 'ignore skip',
    why: 'what is skipped does not come',
    file: 'lib/session/endpoint.ts',
    find: 'this.receiver.skip(frame.numbers)',
    replace: 'this.receiver.isIdle()',
  },
  {
    name: 'forget what is finished',
    why: 'what was finished out of order is not done again after a crash',
    file: 'lib/session/receive/receiver.ts',
    find: 'else if (!tracker.has(number)) this',
    replace: 'else this',
  },
  {
    name: 'do not catch up',
    why: 'what was finished before a restart is accepted once all before it is done',
    file: 'lib/session/receive/receiver.ts',
    find: 'while (this.#rx < done) {',
    replace: 'while (done < 0) {',
  },
  {
    name: 'go on in a new session',
    why: 'the numbers of a new session begin anew',
    file: 'lib/session/client.ts',
    find: 'endpoint.begin();',
    replace: '',
  },
  {
    name: 'numbered messages dropped at the gate',
    why: 'what is accepted is handed over',
    file: 'lib/session/receive/delivery.ts',
    find: 'else (this.#held ??= []).push([message, number, tracker]);',
    replace: 'else if ((this.#held ??= []).length < this.#maxHeld) this.#held.push([message, number, tracker]);',
  },
];
