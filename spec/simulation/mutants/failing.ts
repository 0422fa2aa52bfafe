import type { Mutant } from './mutant.js';

/** Faults that show when stores fail, or one side receives less than the other sends. */
export const FAILING: readonly Mutant[] = [
  {
    name: 'count a failure of a store as one of the handler',
    why: 'a failure of a store is no failure of a handler',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: 'if (!hasThrown || error instanceof StoreError) {',
    replace: 'if (error instanceof StoreError && error.fault === "fenced") {',
  },
  {
    name: 'no last receipt for a message that was not stored',
    why: 'each message has a last receipt, or is in the outbox',
    file: 'lib/session/send/outboxWriter.ts',
    find: 'writing = kept;',
    replace: '',
  },
  {
    name: 'deliver an error that is no StoreError',
    why: 'a store that fails with any error is reported as ERR_STORE',
    file: 'lib/session/store/storeErrorOf.ts',
    find: "return reason instanceof StoreError ? reason : new StoreError(store, 'failed', reason);",
    replace: 'return reason as StoreError;',
  },
  {
    name: 'ignore a limit of the receiver',
    why: 'messages above the limit of the receiver are not sent',
    file: 'lib/session/send/sender.ts',
    find: 'if (limits) this.target.limit(limits);',
    replace: '',
  },
  {
    name: 'a receipt after the last one',
    why: 'no receipt follows the last one of a message',
    file: 'lib/session/send/inFlight.ts',
    find: "for (const { id } of batch.messages) if (this.#pending.byId.has(id)) this.#pending.note(id, 'sent');",
    replace: "for (const { id } of batch.messages) this.#pending.note(id, 'sent');",
  },
  {
    name: 'keep counting removed bytes',
    why: 'a sum equals the parts that it counts',
    file: 'lib/session/send/inFlight.ts',
    find: 'this.count -= messages.length;',
    replace: '',
  },
  {
    name: 'let a callback end its caller',
    why: 'a callback of the application that throws affects one message',
    file: 'lib/session/send/pendingMessages.ts',
    find: '      this.#callOnDead(message, details.error);',
    replace: '      this.#onDead(message, details.error);',
  },
];
