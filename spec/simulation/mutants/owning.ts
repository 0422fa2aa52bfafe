import type { Mutant } from './mutant.js';

/** What goes wrong when several servers have one store. */
export const OWNING: readonly Mutant[] = [
  {
    name: 'a session that does not look whether it is lost',
    why: 'a server asks the store who the owner is before it goes on with a session',
    file: 'lib/server/session/sessionClaims.ts',
    find: 'isFenced = isOther && !(lease?.isNew && isEarlier(claim, lease));',
    replace: 'isFenced = false;',
  },
  {
    name: 'a fence that is taken for a failed handler',
    why: 'a session that is fenced ends, and no handler tries again',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: 'if (!hasThrown || error instanceof StoreError) {',
    replace: 'if ((!hasThrown || error instanceof StoreError) && committing.length > 99) {',
  },
  {
    name: 'a refused hello that claims',
    why: 'a hello that is refused does not end the session at another server',
    file: 'lib/server/session/sessionClaims.ts',
    find: 'return refusal === undefined ? claimOf(hello, randomName()) : undefined;',
    replace: 'return claimOf(hello, randomName());',
  },
  {
    name: 'a hello that its own claim refuses',
    from: 500,
    why: 'a client that returns while its session ends may try again',
    file: 'lib/server/session/registry.ts',
    find: 'if (isLost && !this.#entries.has(pid)) return',
    replace: 'if (!this.#entries.has(pid)) return',
  },
  {
    name: 'a fenced session that goes on',
    why: 'a session that is fenced acks nothing',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: `      onFailed(storeErrorOf('inbox', error));
      return;`,
    replace: '      return done();',
  },
  {
    name: 'an ack while the end of a fenced session waits',
    why: 'a session that is fenced acks nothing',
    file: 'lib/session/receive/inboxCommitter.ts',
    find: '      hasFailed = true;',
    replace: '',
    from: 40_500,
  },
];
