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
    file: 'storedInbox.ts',
    find: "throw new StoreError(store.name, 'fenced');",
    replace: 'return sender;',
  },
  {
    why: 'writes behind whatever is there',
    file: 'subjectStore.ts',
    find: 'const stored = await stream.append({ subject: prefix + name, data, behind, id: `${nanoid()} ${group}` }, timeout);',
    replace:
      'const last = await stream.get({ last_by_subj: prefix + name }); const stored = await stream.append({ subject: prefix + name, data, behind: last?.seq ?? 0 }, timeout);',
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
    why: 'takes what it knows for what is stored',
    file: 'natsStore.ts',
    find: 'if (stored === undefined) return false;',
    replace: 'if (stored === undefined) return true;',
  },
  {
    why: 'says that a change is stored before it is',
    file: 'natsStore.ts',
    find: "return this.#append(log, jobs.at(-1)?.group ?? '');",
    replace: "void this.#append(log, '').catch(() => undefined);\n    return true;",
  },
  {
    why: 'removes entries that count',
    file: 'natsStore.ts',
    find: 'if (this.#messages < count || this.#old === 0 || !this.#known) return;',
    replace: 'if (!this.#known) return;\n    this.kind.store.trim(this.name, this.#known.seq);',
  },
  {
    why: 'forgets where the entries begin',
    file: 'logState.ts',
    find: "const first = start === 'here' ? seq : start || Infinity;",
    replace: 'const first = seq;',
  },
];
