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
    find: 'shouldRetry: (error) => error instanceof FollowerGap',
    replace: 'shouldRetry: (error) => error instanceof FollowerGap && false',
  },
  {
    why: 'applies the message at the position of the state again',
    file: 'liveState.ts',
    find: 'offset: offset as number }',
    replace: 'offset: Math.max(0, (offset as number) - 1) }',
  },
  {
    why: 'does not notice that the hub has removed messages',
    file: 'readerPositions.ts',
    find: 'if (!complete || from.epoch !== epoch) {',
    replace: 'if (from.epoch !== epoch) {',
  },
  {
    why: 'compares positions of different epochs',
    file: 'channelPosition.ts',
    find: "if (at?.epoch !== epoch) return 'gap';",
    replace: "if (!at) return 'gap';",
  },
  {
    why: 'joins at the highest position of the readers',
    file: 'readerPositions.ts',
    find: 'a.offset - b.offset',
    replace: 'b.offset - a.offset',
  },
  {
    why: 'does not join again for a reader that is behind the others',
    file: 'membershipCore.ts',
    find: 'this.position && !isAnyBehind([reader], this.position)',
    replace: 'this.position && reader.position',
  },
  {
    why: 'takes a join for one reader as that of all',
    file: 'membershipCore.ts',
    find: 'if (isAnyBehind(this.readers, this.position as ChannelPosition)) ',
    replace: 'if (isAnyBehind(this.readers, this.position as ChannelPosition) && join === 0) ',
  },
];
