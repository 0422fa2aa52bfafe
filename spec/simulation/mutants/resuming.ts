import type { Mutant } from './mutant.js';

/** What goes wrong when two sides meet again. */
export const RESUMING: readonly Mutant[] = [
  {
    name: 'send again what is in doubt',
    why: 'an exactly-once message that may have arrived is given up',
    file: 'lib/session/send/sender.ts',
    find: "delivery === 'exactly-once' && lastOf(batch) <= sent",
    replace: 'first < 0',
  },
  {
    name: 'a mark that is written after the send',
    why: 'the store knows what may have been sent before it is sent',
    file: 'lib/session/send/inFlight.ts',
    find: 'this.onUnmarked?.(last);\n        return;',
    replace: 'this.onUnmarked?.(last);',
  },
  {
    name: 'a mark that is too low at a takeover',
    why: 'a message that may have been sent is in doubt',
    file: 'lib/session/send/sender.ts',
    find: 'const sent = Math.max(acked, Math.min(marked, this.#last));',
    replace: 'const sent = acked;',
  },
  {
    name: 'a mark that is not lowered offline',
    why: 'a message that is stored without a connection was never sent',
    file: 'lib/session/send/outboxWriter.ts',
    find: 'if (inFlight.isAttached || inFlight.marked',
    replace: 'if (inFlight.marked >= 0 || inFlight.marked',
    from: 12_000,
  },
  {
    name: 'a lowered mark that the sender forgets',
    why: 'the mark in memory is never above the stored one',
    file: 'lib/session/send/outboxWriter.ts',
    find: 'set(inFlight.sent);\n      return',
    replace: 'return',
  },
  {
    name: 'no discontinuity',
    why: 'who is not known begins anew',
    file: 'lib/session/send/sender.ts',
    find: '!(isKnown || sent === 0)',
    replace: 'false',
  },
  {
    name: 'everybody is known',
    why: 'a server that has forgotten says so',
    file: 'lib/server/session/resumption.ts',
    find: 'known: isConfirmed,',
    replace: 'known: true,',
  },
  {
    name: 'resume at once',
    why: 'a session goes on only once its numbers are its own',
    file: 'lib/server/session/resumption.ts',
    find: 'this.#isBegun = this.#canGoOn = goesOn;',
    replace: 'this.#isBegun = this.#canGoOn = true;',
    from: 18_000,
  },
  {
    name: 'send behind the welcome',
    why: 'the server sends only to who has got the welcome',
    file: 'lib/server/session/handshakeResponder.ts',
    find: "connection.send(controlFrame('welcome', welcome));",
    replace:
      "connection.send(controlFrame('welcome', welcome)); endpoint.agree(connection, { rx: 0, isKnown: false, allowance: { window: 9, bytes: 9_999 }, ping: 2_000, lazyAcks: false });",
  },
  {
    name: 'open what is acked',
    why: 'what is acked is done',
    file: 'lib/session/send/outboxRestore.ts',
    find: 'messages.slice(Math.max(0, acked + 1 - first)).forEach(open)',
    replace: 'messages.forEach(open)',
  },
];
