import type { Mutant } from './mutant.js';

/** What a sender gets wrong. */
export const SENDING: readonly Mutant[] = [
  {
    name: 'window off by one',
    why: 'sent − acked ≤ window',
    file: 'lib/session/send/inFlight.ts',
    find: '(last > this.limit ||',
    replace: '(last > this.limit + 1 ||',
  },
  {
    name: 'no window in bytes',
    why: 'the receiver says how many bytes may be on their way',
    file: 'lib/session/send/inFlight.ts',
    find: '|| bytesSent > this.bytesAllowed)',
    replace: ')',
  },
  {
    name: 'send again what is accepted',
    why: 'what is sent again begins behind rx',
    file: 'lib/session/send/inFlight.ts',
    find: 'lastOf(batch) <= rx;',
    replace: 'lastOf(batch) < rx;',
  },
  {
    name: 'acked once sent',
    why: 'a receipt says what is true',
    file: 'lib/session/send/inFlight.ts',
    find: "this.#pending.note(id, 'sent');",
    replace: "this.#pending.close(id, 'acked');",
  },
  {
    name: 'send what has expired',
    why: 'what has expired is skipped',
    file: 'lib/session/send/inFlight.ts',
    find: 'if (skipped) transport.sendFrame(skipped.frame);',
    replace: 'if (skipped) return transport.sendBatch(batch);',
  },
  {
    name: 'send before it is stored',
    why: 'a number is stored before it is used',
    file: 'lib/session/send/sender.ts',
    find: '(this.#writer as OutboxWriter).append(make), this.#add);',
    replace:
      'chain(make(), (batches) => { this.#add(batches); return chain((this.#writer as OutboxWriter).append(() => batches), () => []); }), this.#add);',
  },
  {
    name: 'number at most once',
    why: 'an at-most-once message is sent once',
    file: 'lib/session/send/sendQueue.ts',
    find: 'if (!isNumbered(this.#levelOf(message))) this.#enqueue',
    replace: 'if (!message.id) this.#enqueue',
  },
  {
    name: 'trim before the ack',
    why: 'a message is kept until it is acked',
    file: 'lib/session/send/sender.ts',
    find: 'trim(this.inFlight.acked)',
    replace: 'trim(this.inFlight.sent)',
  },
  {
    name: 'out of order after a reconnect',
    why: 'what is sent again keeps its order',
    file: 'lib/session/send/inFlight.ts',
    find: '[...this.#flying.values(), ...this.#waiting.values()]',
    replace: '[...this.#waiting.values(), ...this.#flying.values()]',
  },
];
