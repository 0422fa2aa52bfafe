import type { Mutant } from './mutant.js';

/** What goes wrong when two sides meet again. */
export const RESUMING: readonly Mutant[] = [
  {
    name: 'send messages in doubt again',
    why: 'an exactly-once message that may have arrived is given up',
    file: 'lib/session/send/sender.ts',
    find: "delivery === 'exactly-once' && lastOf(batch) <= sent",
    replace: 'first < 0',
  },
  {
    name: 'write the mark after the send',
    why: 'the store has the mark before a message is sent',
    file: 'lib/session/send/inFlight.ts',
    find: 'this.onUnmarked?.(last);\n        return;',
    replace: 'this.onUnmarked?.(last);',
  },
  {
    name: 'a low mark at a take-over',
    why: 'a message that may have been sent is in doubt',
    file: 'lib/session/send/sender.ts',
    find: 'const sent = Math.max(acked, Math.min(marked, this.#last));',
    replace: 'const sent = acked;',
  },
  {
    name: 'keep a high mark offline',
    why: 'a message that is stored without a connection was never sent',
    file: 'lib/session/send/outboxWriter.ts',
    find: 'if (inFlight.isAttached || inFlight.marked',
    replace: 'if (inFlight.marked >= 0 || inFlight.marked',
    from: 12_000,
  },
  {
    name: 'lower the stored mark only',
    why: 'the mark in memory is never above the stored one',
    file: 'lib/session/send/outboxWriter.ts',
    find: 'set(inFlight.sent);\n      return',
    replace: 'return',
  },
  {
    name: 'no discontinuity',
    why: 'an unknown sender begins with new numbers',
    file: 'lib/session/send/sender.ts',
    find: '!(isKnown || sent === 0)',
    replace: 'false',
  },
  {
    name: 'every client is known',
    why: 'a server that has forgotten a client says so',
    file: 'lib/server/session/resumption.ts',
    find: 'known: isConfirmed,',
    replace: 'known: true,',
  },
  {
    name: 'resume before the numbers are stored',
    why: 'a session continues only when its numbers are stored',
    file: 'lib/server/session/resumption.ts',
    find: 'this.#isBegun = this.#canGoOn = goesOn;',
    replace: 'this.#isBegun = this.#canGoOn = true;',
    from: 18_000,
  },
  {
    name: 'send right after the welcome',
    why: 'the server sends only after the client has confirmed the welcome',
    file: 'lib/server/session/handshakeResponder.ts',
    find: "connection.send(controlFrame('welcome', welcome));",
    replace:
      "connection.send(controlFrame('welcome', welcome)); endpoint.agree(connection, { rx: 0, isKnown: false, allowance: { window: 9, bytes: 9_999 }, ping: 2_000, lazyAcks: false });",
  },
  {
    name: 'open acked messages again',
    why: 'acked messages are done',
    file: 'lib/session/send/outboxRestore.ts',
    find: 'messages.slice(Math.max(0, acked + 1 - first)).forEach(open)',
    replace: 'messages.forEach(open)',
  },
];
