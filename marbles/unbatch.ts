import { take } from 'rxjs';
import { marble } from '../lib/adapters/testing/index.js';
import { unbatch } from '../lib/operators/unbatch.js';

const values = { x: { key: 'a', items: ['a', 'A'] }, y: { key: 'b', items: ['b'] } };

marble('emits the items of each batch, in order', { source: '--x---y---|', expected: '--(aA)b---|', values }, (source) =>
  source.pipe(unbatch()),
);

marble(
  'stops in the middle of a batch',
  { operator: 'unbatch, take(1)', source: '--x---y---|', expected: '--(a|)', values, subs: '^-!' },
  (source) => source.pipe(unbatch(), take(1)),
);

marble('passes an error on', { source: '--y---#', expected: '--b---#', values, subs: '^-----!' }, (source) => source.pipe(unbatch()));
