import { resequence } from '../lib/operators/resequence.js';
import { marble } from '../lib/adapters/testing/index.js';

/** The place in the alphabet, whatever the case. */
const place = (letter: string): number => letter.toLowerCase().charCodeAt(0);

marble(
  'holds what comes early until those before it have come',
  { operator: 'resequence()', source: '-a-c-b-e-d---|', expected: '-a---(bc)(de)|', subs: '^------------!' },
  (source) => source.pipe(resequence(place)),
);

marble(
  'gives up what is missing maxWait after the first that waits for it, and says so',
  {
    ...{ operator: 'resequence(maxWait: 5 ms, onGap: gap, onDrop: dropped)', source: '-a-d--e-----c-f|', expected: '-a------(de)--f|' },
    ...{ outputs: { gap: '--------g', dropped: '------------c' }, values: { g: { first: 98, last: 99 } }, time: { maxWait: '-----|' } },
  },
  (source, { maxWait, gap, dropped }) => source.pipe(resequence(place, { maxWait, onGap: gap, onDrop: dropped })),
);

marble(
  'drops a number that has come',
  {
    ...{ operator: 'resequence(onDrop: dropped)', source: '-a-A-c-C-b-B-|', expected: '-a-------(bc)|' },
    ...{ outputs: { dropped: '---A---C---B' } },
  },
  (source, { dropped }) => source.pipe(resequence(place, { onDrop: dropped })),
);

marble(
  'waits no longer when a value is maxSize numbers ahead',
  {
    ...{ operator: 'resequence(maxSize: 2, onGap: gap)', source: '-a-c-d---|', expected: '-a---(cd)|' },
    ...{ outputs: { gap: '-----g' }, values: { g: { first: 98, last: 98 } } },
  },
  (source, { gap }) => source.pipe(resequence(place, { maxSize: 2, onGap: gap })),
);

marble('begins with first, where that is given', { operator: 'resequence(first: a)', source: '-b-a---|', expected: '---(ab)|' }, (source) =>
  source.pipe(resequence(place, { first: place('a') })),
);

marble(
  'emits what is held when the source completes',
  {
    operator: 'resequence(onGap: gap)',
    source: '-a-d-c-|',
    outputs: { gap: '-------g' },
    values: { g: { first: 98, last: 98 } },
    expected: '-a-----(cd|)',
  },
  (source, { gap }) => source.pipe(resequence(place, { onGap: gap })),
);

marble('emits what is held before an error, too', { operator: 'resequence()', source: '-a-d-c-#', expected: '-a-----(cd#)' }, (source) =>
  source.pipe(resequence(place)),
);

marble(
  'leaves the source when unsubscribed',
  { operator: 'resequence()', source: '-a-c--b-', expected: '-a---', subs: '^----!', unsub: '-----!' },
  (source) => source.pipe(resequence(place)),
);
