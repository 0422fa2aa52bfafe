/** A fault of what stands on a store. Each must be found by a story. */
export interface StoreMutant {
  readonly why: string;
  readonly file: string;
  /** The text that is replaced; it is in the file once. */
  readonly find: string;
  readonly replace: string;
}

export const STORE_MUTANTS: readonly StoreMutant[] = [
  {
    why: 'does not fence an outbox',
    file: 'storedOutbox.ts',
    find: "if (fault === 'fenced') throw new StoreError(name, fault);",
    replace: '',
  },
  {
    why: 'gives two owners of an outbox one epoch',
    file: 'storedOutbox.ts',
    find: 'epoch: before.epoch + 1',
    replace: 'epoch: before.epoch',
  },
  { why: 'stores all batches under one key', file: 'storedOutbox.ts', find: 'key: first + count - 1', replace: 'key: 1' },
  {
    why: 'stores no head',
    file: 'storedOutbox.ts',
    find: 'transaction.change(log, { head: after, put, drop })',
    replace: 'transaction.change(log, { put, drop })',
  },
  {
    why: 'does not fence an inbox',
    file: 'storedInbox.ts',
    find: 'sender.claim.owner !== owner',
    replace: 'false',
  },
  { why: 'does not store a claim', file: 'storedInbox.ts', find: 'head: { ...sender, claim, session }', replace: 'head: sender' },
  {
    why: 'runs no effects',
    file: 'storedInbox.ts',
    find: 'if (effect) transaction.perform(effect, onEffectFailed);',
    replace: '',
  },
  { why: 'keeps too many letters', file: 'storedLetters.ts', find: 'maxCount: maxSize', replace: 'maxCount: maxSize + 1' },
  {
    why: 'does not fence a queue',
    file: 'queueStore.ts',
    find: "if (before > mine) throw new StoreError(name, 'fenced');",
    replace: '',
  },
  { why: 'removes nothing from a queue', file: 'queueStore.ts', find: 'epoch: mine }, put, drop }', replace: 'epoch: mine }, put }' },
];
