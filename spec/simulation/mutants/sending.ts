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
    why: 'the receiver decides how many bytes may be in flight',
    file: 'lib/session/send/inFlight.ts',
    find: '|| bytesSent > this.bytesAllowed)',
    replace: ')',
  },
  {
    name: 'send accepted messages again',
    why: 'messages are sent again from rx + 1 on',
    file: 'lib/session/send/inFlight.ts',
    find: 'lastOf(batch) <= rx;',
    replace: 'lastOf(batch) < rx;',
  },
  {
    name: 'acked when sent',
    why: 'a receipt is true',
    file: 'lib/session/send/inFlight.ts',
    find: "this.#pending.note(id, 'sent');",
    replace: "this.#pending.close(id, 'acked');",
  },
  {
    name: 'send expired messages',
    why: 'expired messages are skipped',
    file: 'lib/session/send/inFlight.ts',
    find: 'if (skipped) transport.sendFrame(skipped.frame);',
    replace: 'if (skipped) return transport.sendBatch(batch);',
  },
  {
    name: 'send before the number is stored',
    why: 'a number is stored before it is used',
    file: 'lib/session/send/sender.ts',
    find: '(this.#writer as OutboxWriter).append(make), this.#add);',
    replace:
      'chain(make(), (batches) => { this.#add(batches); return chain((this.#writer as OutboxWriter).append(() => batches), () => []); }), this.#add);',
  },
  {
    name: 'number at-most-once messages',
    why: 'an at-most-once message is sent once',
    file: 'lib/session/send/sendQueue.ts',
    find: 'if (!isNumbered(this.#levelOf(message))) this.#enqueue',
    replace: 'if (!message.id) this.#enqueue',
  },
  {
    name: 'remove before the ack',
    why: 'a message is kept until it is acked',
    file: 'lib/session/send/sender.ts',
    find: 'trim(this.inFlight.acked)',
    replace: 'trim(this.inFlight.sent)',
  },
  {
    name: 'out of order after a reconnect',
    why: 'messages that are sent again keep their order',
    file: 'lib/session/send/inFlight.ts',
    find: '[...this.#flying.values(), ...this.#waiting.values()]',
    replace: '[...this.#waiting.values(), ...this.#flying.values()]',
  },
];
