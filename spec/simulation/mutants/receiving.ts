import type { Mutant } from './mutant.js';

/** What a receiver gets wrong. */
export const RECEIVING: readonly Mutant[] = [
  {
    name: 'ack on receive',
    why: 'a receiver acks only processed messages',
    file: 'lib/session/endpoint.ts',
    find: 'return ackable(this.receiver.tracker.done);',
    replace: 'return ackable(this.receiver.rx);',
  },
  {
    name: 'accept a gap',
    why: 'a receiver accepts numbers one after the other',
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
    why: 'a skipped number does not arrive',
    file: 'lib/session/endpoint.ts',
    find: 'this.receiver.skip(frame.numbers)',
    replace: 'this.receiver.isIdle()',
  },
  {
    name: 'forget finished messages',
    why: 'a message that was finished out of order has no effect again after a crash',
    file: 'lib/session/receive/receiver.ts',
    find: 'else if (!tracker.has(number)) this',
    replace: 'else this',
  },
  {
    name: 'do not catch up',
    why: 'a message that was finished before a restart is accepted when all before it are done',
    file: 'lib/session/receive/receiver.ts',
    find: 'while (this.#rx < done) {',
    replace: 'while (done < 0) {',
  },
  {
    name: 'continue the numbers in a new session',
    why: 'the numbers of a new session begin at 1',
    file: 'lib/session/client.ts',
    find: 'endpoint.begin();',
    replace: '',
  },
  {
    name: 'drop numbered messages before the first subscriber',
    why: 'accepted messages are delivered',
    file: 'lib/session/receive/delivery.ts',
    find: 'else (this.#held ??= []).push([message, number, tracker]);',
    replace: 'else if ((this.#held ??= []).length < this.#maxHeld) this.#held.push([message, number, tracker]);',
  },
];
