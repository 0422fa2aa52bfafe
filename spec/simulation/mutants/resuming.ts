import type { Mutant } from './mutant.js';

/** What goes wrong when two sides meet again. */
export const RESUMING: readonly Mutant[] = [
  {
    name: 'send again what is in doubt',
    why: 'an exactly-once message that may have arrived is given up',
    file: 'lib/session/send/sender.ts',
    find: "delivery === 'exactly-once' && first <= sent",
    replace: 'first < 0',
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
