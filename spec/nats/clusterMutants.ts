/** A deliberate fault in the stores of a cluster. */
export interface ClusterMutant {
  readonly why: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const CLUSTER_MUTANTS: readonly ClusterMutant[] = [
  {
    why: 'commits as if it were the owner',
    file: 'natsInbox.ts',
    find: "throw new StoreError('nats', 'fenced');",
    replace: 'return row;',
  },
  {
    why: 'writes behind whatever is there',
    file: 'subjectStore.ts',
    find: 'const stored = await stream.append(name, data, behind, timeout, group);',
    replace: 'const stored = await stream.append(name, data, (await stream.read(name))?.seq ?? 0, timeout, group);',
  },
  {
    why: 'takes the entry of another owner for its own',
    file: 'subjectStore.ts',
    find: 'return Buffer.compare(there.data, data) === 0 ? there.seq : undefined;',
    replace: 'return there.seq;',
  },
  {
    why: 'does not recognize its own entry, whose answer was lost',
    file: 'subjectStore.ts',
    find: 'return Buffer.compare(there.data, data) === 0 ? there.seq : undefined;',
    replace: 'return undefined;',
  },
  {
    why: 'takes an append that is in progress for one of another owner',
    file: 'subjectStore.ts',
    find: "if (!there) throw new Error('another append is in progress');",
    replace: 'if (!there) return undefined;',
  },
  {
    why: 'says that a commit is stored before it is',
    file: 'natsInbox.ts',
    find: 'return put(pid, known, { ...(before ?? START), claim, ...fields });',
    replace: 'return { ...known, row: { ...known.row, ...fields } };',
  },
  {
    why: 'opens an outbox without a marker',
    file: 'natsOutbox.ts',
    find: 'const seq = await store.append(name, marker, stored.seq, group);',
    replace: 'const seq = stored.seq;',
  },
  {
    why: 'says that messages are stored before they are',
    file: 'natsOutbox.ts',
    find: 'if (accepted.length > 0) await append(draft);',
    replace: 'if (accepted.length > 0) void append(draft).catch(() => undefined);',
  },
  {
    why: 'removes entries that count',
    file: 'natsOutbox.ts',
    find: 'if (entries < count || old.last() === 0) return;',
    replace: 'store.trim(name, seq);',
  },
  {
    why: 'forgets where the batches begin',
    file: 'outboxEntry.ts',
    find: "let from = head.start === 'here' ? seq : head.start;",
    replace: 'let from = seq;',
  },
];
