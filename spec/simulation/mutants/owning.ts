import type { Mutant } from './mutant.js';

/** What goes wrong when several servers have one store. */
export const OWNING: readonly Mutant[] = [
  {
    name: 'continue a session without reading the claim',
    why: 'a server reads the claim before it continues a session',
    file: 'lib/server/session/sessionClaims.ts',
    find: 'isFenced = isOther && !(lease?.isNew && isEarlier(claim, lease));',
    replace: 'isFenced = false;',
  },
  {
    name: 'treat a fence as a failed handler',
    why: 'a fenced session ends, and no handler is retried',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: 'if (!hasThrown || error instanceof StoreError) {',
    replace: 'if ((!hasThrown || error instanceof StoreError) && committing.length > 99) {',
  },
  {
    name: 'a refused hello claims the client',
    why: 'a refused hello does not end the session at another server',
    file: 'lib/server/session/sessionClaims.ts',
    find: 'return refusal === undefined ? claimOf(hello, randomName()) : undefined;',
    replace: 'return claimOf(hello, randomName());',
  },
  {
    name: 'a hello is refused by its own claim',
    from: 500,
    why: 'a client that returns while its session ends may try again',
    file: 'lib/server/session/registry.ts',
    find: 'if (isLost && !this.#entries.has(pid)) return',
    replace: 'if (!this.#entries.has(pid)) return',
  },
  {
    name: 'continue a fenced session',
    why: 'a fenced session acks nothing',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: `      onFailed(storeErrorOf('inbox', error));
      return;`,
    replace: '      return done();',
  },
  {
    name: 'ack while a fenced session ends',
    why: 'a fenced session acks nothing',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: '      hasFailed = true;',
    replace: '',
    from: 40_500,
  },
];
