import type { TextMutant } from '../textMutants.js';

const GROUP = 'io/shared/tabGroup.ts';
const CONNECTION = 'io/shared/sharedConnection.ts';
const SERVER = 'server/accept/multiplexedConnection.ts';

export const tabsMutants: readonly TextMutant[] = [
  { name: 'a leader keeps its connection when the lock is stolen', file: GROUP, from: 'if (leader) resign(', to: 'if (false) resign(' },
  {
    name: 'the stream of a former leader does not fail',
    file: GROUP,
    from: 'if (isOpen) {',
    to: 'if (isOpen) return;\n      if (isOpen) {',
  },
  { name: 'a leader that leaves keeps the lock', file: GROUP, from: 'own.add(leaving$.subscribe(leaveAll));', to: '', firstSeed: 301 },
  { name: 'a tab waits for a leader that hangs', file: GROUP, from: 'takeOver: () => stand(true)', to: 'takeOver: () => undefined' },
  { name: 'a frame goes to the latest stream', file: CONNECTION, from: 'byNumber.get(read.stream)', to: '[...byNumber.values()].at(-1)' },
  { name: 'a dead connection is kept', file: CONNECTION, from: 'isSilent && one.heardAt === received', to: 'false', firstSeed: 151 },
  { name: 'the end of a stream is not sent', file: CONNECTION, from: 'outgoing?.next(closeOfStream(', to: 'void (closeOfStream(' },
  { name: 'the last stream leaves the connection open', file: CONNECTION, from: 'if (streams.size > 0) return;', to: 'return;' },
  {
    name: 'the lock of a dead tab is not awaited',
    file: 'io/shared/tabChannel.ts',
    from: 'next: onGone,',
    to: 'next: () => undefined,',
  },
  {
    name: 'a server ignores the end of a stream',
    file: SERVER,
    from: 'if (stream && close) stream.closed(close);',
    to: 'if (stream && close) return;',
  },
  {
    name: 'a server passes frames to the latest stream',
    file: SERVER,
    from: 'this.#streams.get(number)',
    to: 'this.#streams.get(this.#latest)',
  },
];
