import { map, mergeMap, throwError, timer, type Observable } from 'rxjs';
import { OverflowError } from '../lib/message/errors.js';
import { MessagePriority } from '../lib/message/messagePriority.js';
import { priorityMerge } from '../lib/operators/priorityMerge.js';
import { marble } from '../lib/adapters/testing/index.js';

/** Capital letters are urgent. */
const priority = (letter: string): MessagePriority => (letter < 'a' ? MessagePriority.HIGH : MessagePriority.NORMAL);
/** What takes 3 ms. */
const send = (letter: string): Observable<string> => timer(3).pipe(map(() => letter));

marble(
  'starts the most urgent of what waits, and equals as they came',
  { operator: 'priorityMerge(takes 3 ms, concurrency: 1)', source: '-abcDE|', expected: '----a--D--E--b--(c|)', subs: '^-----!' },
  (source) => source.pipe(priorityMerge(send, { concurrency: 1, priority })),
);

marble(
  'runs as many at once as concurrency says',
  { operator: 'priorityMerge(takes 3 ms, concurrency: 2)', source: '-abcD-----|', expected: '----ab-Dc-|' },
  (source) => source.pipe(priorityMerge(send, { concurrency: 2, priority })),
);

marble(
  'drops what has waited for maxAge, and says so on time',
  {
    operator: 'priorityMerge(takes 8 ms, concurrency: 1, maxAge: 5 ms, onDrop: dropped)',
    source: '  -abC------|',
    expected: '---------a|',
    outputs: { dropped: '-------bC' },
    time: { maxAge: '-----|' },
  },
  (source, { maxAge, dropped }) =>
    source.pipe(priorityMerge((letter) => timer(8).pipe(map(() => letter)), { concurrency: 1, priority, maxAge, onDrop: dropped })),
);

marble(
  'drops what waits longest when one too many comes',
  {
    operator: 'priorityMerge(takes 3 ms, concurrency: 1, maxSize: 1, onDrop: dropped)',
    source: '  -abc-------|',
    expected: '----a--c---|',
    outputs: { dropped: '---b' },
  },
  (source, { dropped }) => source.pipe(priorityMerge(send, { concurrency: 1, priority, maxSize: 1, onDrop: dropped })),
);

marble(
  "drops what comes with 'drop-newest'",
  {
    operator: "priorityMerge(takes 3 ms, concurrency: 1, maxSize: 1, overflow: 'drop-newest', onDrop: dropped)",
    source: '  -abC-------|',
    expected: '----a--b---|',
    outputs: { dropped: '---C' },
  },
  (source, { dropped }) =>
    source.pipe(priorityMerge(send, { concurrency: 1, priority, maxSize: 1, overflow: 'drop-newest', onDrop: dropped })),
);

marble(
  "drops the least urgent with 'drop-lowest'",
  {
    operator: "priorityMerge(takes 3 ms, concurrency: 1, maxSize: 1, overflow: 'drop-lowest', onDrop: dropped)",
    source: '  -aBc-------|',
    expected: '----a--B---|',
    outputs: { dropped: '---c' },
  },
  (source, { dropped }) =>
    source.pipe(priorityMerge(send, { concurrency: 1, priority, maxSize: 1, overflow: 'drop-lowest', onDrop: dropped })),
);

marble(
  "fails with overflow: 'error'",
  {
    operator: "priorityMerge(concurrency: 1, maxSize: 1, overflow: 'error')",
    source: '  -abc--',
    expected: '---#',
    subs: '    ^--!',
    error: new OverflowError('priorityMerge', 1),
  },
  (source) => source.pipe(priorityMerge(send, { concurrency: 1, maxSize: 1, overflow: 'error' })),
);

marble(
  'fails when an inner stream does, and drops what waits',
  {
    operator: 'priorityMerge(fails after 3 ms, concurrency: 1, onDrop: dropped)',
    source: '  -abc--',
    expected: '----#',
    subs: '    ^---!',
    outputs: { dropped: '----(bc)' },
  },
  (source, { dropped }) =>
    source.pipe(priorityMerge(() => timer(3).pipe(mergeMap(() => throwError(() => 'error'))), { concurrency: 1, onDrop: dropped })),
);

marble(
  'leaves the source, what runs and what waits when unsubscribed',
  {
    operator: 'priorityMerge(takes 3 ms, concurrency: 1, onDrop: dropped)',
    source: '  -(abc)',
    expected: '---',
    subs: '    ^--!',
    unsub: '   ---!',
    outputs: { dropped: '---(bc)' },
  },
  (source, { dropped }) => source.pipe(priorityMerge(send, { concurrency: 1, onDrop: dropped })),
);
