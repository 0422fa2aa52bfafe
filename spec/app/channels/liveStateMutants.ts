/** A deliberate fault in the code that live states stand on. */
export interface LiveStateMutant {
  readonly why: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const LIVE_STATE_MUTANTS: readonly LiveStateMutant[] = [
  {
    why: 'emits a state that was loaded again before the hub has confirmed its place',
    file: 'liveState.ts',
    find: 'const isEmitted = isFirst;',
    replace: 'const isEmitted = true;',
  },
  {
    why: 'does not load again after a gap',
    file: 'liveState.ts',
    find: "if (event.kind === 'gap') throw new Gap();",
    replace: "if (event.kind === 'gap') return EMPTY;",
  },
  {
    why: 'applies the message at the position of the state again',
    file: 'liveState.ts',
    find: 'offset: offset as number }',
    replace: 'offset: Math.max(0, (offset as number) - 1) }',
  },
  {
    why: 'does not notice that the hub has removed messages',
    file: 'channelReaders.ts',
    find: "position.offset === after.offset || position.offset < offset ? 'gap' : 'stays'",
    replace: "'stays'",
  },
  {
    why: 'compares positions of different epochs',
    file: 'channelReaders.ts',
    find: "if (position.epoch !== epoch) return 'gap';",
    replace: "if (position.epoch !== epoch) return position.offset < offset ? 'gap' : 'moved';",
  },
  {
    why: 'joins at the highest position of the readers',
    file: 'channelReaders.ts',
    find: 'position.offset < (least?.offset ?? 0) ? position : least',
    replace: 'position.offset > (least?.offset ?? 0) ? position : least',
  },
  {
    why: 'does not join again for a reader that is behind the others',
    file: 'joinState.ts',
    find: 'isReached(offsets.position, reader.position)',
    replace: 'reader.position',
  },
  {
    why: 'takes a join for one reader as that of all',
    file: 'joinState.ts',
    find: 'if (isBehind) {',
    replace: 'if (isBehind && join === 0) {',
  },
];
