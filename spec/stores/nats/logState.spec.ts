import fc from 'fast-check';
import { StoreError } from '../../../lib/message/errors.js';
import { encodeMessage, partsOf } from '../../../lib/stores/nats/logMessage.js';
import { LogState, readLog, type LogLimit } from '../../../lib/stores/nats/logState.js';
import type { SubjectStore } from '../../../lib/stores/nats/subjectStore.js';
import type { LogChange } from '../../../lib/stores/store.js';

/** Stores one change of a log. */
function store(state: LogState, change: LogChange, seq = state.seq + 1) {
  const { evicted } = state.change(change);
  const row = state.row('here');
  state.stored(seq, seq);
  return { evicted: evicted.map(({ key }) => key), row };
}
const keysOf = (state: LogState): readonly number[] => state.read().entries.map(({ key }) => key);
const snapshotOf = (state: LogState) => ({
  read: state.read(),
  row: state.row(0),
  seqs: state.keys.map((key) => state.entries.get(key)?.seq),
  bytes: state.bytes,
});
const values = (count: number, value: unknown = 'a') => Array.from({ length: count }, () => ({ value }));

it('a log has the entries of a simple one, whatever changes', () => {
  const key = fc.integer({ min: 1, max: 12 });
  const change = fc.record({
    drop: fc.array(fc.tuple(key, key), { maxLength: 2 }),
    put: fc.array(fc.record({ key, value: fc.nat() }), { maxLength: 3 }),
    maxCount: fc.integer({ min: 2, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 3 })), fc.array(change, { maxLength: 2 }), (writes, undone) => {
      const state = new LogState();
      const simple = new Map<number, { readonly value: unknown; readonly seq: number }>();
      for (const [index, changes] of writes.entries()) {
        const seq = index + 1;
        const before = snapshotOf(state);
        for (const one of undone) state.change({ ...one, head: 'undone' });
        if (undone.length > 0) expect(state.rowBefore()).toEqual(before.row);
        state.undo();
        expect(snapshotOf(state)).toEqual(before);
        for (const one of changes) {
          for (const [from, to] of one.drop) for (const known of [...simple.keys()]) if (known >= from && known <= to) simple.delete(known);
          for (const put of one.put) simple.set(put.key, { value: put.value, seq });
          for (const first of [...simple.keys()].sort((a, b) => a - b).slice(0, Math.max(0, simple.size - one.maxCount)))
            simple.delete(first);
          state.change(one);
        }
        const expected = [...simple].sort(([a], [b]) => a - b).map(([at, { value }]) => ({ key: at, value }));
        expect(state.read().entries).toEqual(expected);
        expect(state.read({ after: 4, limit: 2 }).entries).toEqual(expected.filter((entry) => entry.key > 4).slice(0, 2));
        state.stored(seq, seq);
        expect(state.read().entries).toEqual(expected);
        expect(state.row(0).start).toBe(Math.min(...[...simple.values()].map((entry) => entry.seq), simple.size > 0 ? Infinity : 0));
      }
    }),
  );
});

it('a log has no entry that another node has removed, also when it has none at all', async () => {
  const known = new LogState();
  store(known, { put: values(2) });
  const there = new LogState();
  store(there, { put: values(2) });
  const { row } = store(there, { drop: [[1, 2]] });
  const [part = new Uint8Array(0)] = partsOf({ drop: [[1, 2]], put: [] }, 1_000);
  const data = encodeMessage({ write: 'w', index: 0, isLast: true, row, part });
  const read = { evicts: false, last: () => Promise.resolve({ seq: 2, data }) } as unknown as SubjectStore;
  expect(keysOf(await readLog(read, 'log', known, () => undefined))).toEqual([]);
  expect([known.keys, known.entries.size]).toEqual([[], 0]);
});

it('a write of a large log costs as little as one of a small log', () => {
  const state = new LogState();
  store(state, { put: values(100_000) });
  const began = performance.now();
  for (let count = 0; count < 2_000; count++) store(state, { put: values(1), maxCount: 100_000 });
  expect(keysOf(state)).toHaveLength(100_000);
  // A copy of the entries takes a millisecond at least.
  expect(performance.now() - began).toBeLessThan(1_000);
});

describe('a log with a limit of bytes', () => {
  const limited = (limit: Partial<LogLimit> = {}) => new LogState({ maxBytes: 100, evicts: true, ...limit });

  it('removes its oldest entries, and reports them', () => {
    const state = limited();
    expect(store(state, { put: values(3, 'x'.repeat(28)) }).evicted).toEqual([]);
    expect(store(state, { put: values(1, 'x'.repeat(58)) }).evicted).toEqual([1, 2]);
    expect([keysOf(state), state.bytes]).toEqual([[3, 4], 90]);
    store(state, { drop: [[3, 3]], put: [{ key: 4, value: 'x'.repeat(8) }] });
    expect([keysOf(state), state.bytes]).toEqual([[4], 10]);
  });

  it('refuses new entries if it must not remove others, and still removes entries', () => {
    const state = limited({ evicts: false });
    store(state, { put: values(3, 'x'.repeat(28)) });
    expect(() => store(state, { put: values(1, 'x'.repeat(28)) })).toThrow(new StoreError('nats', 'quota'));
    state.undo();
    store(state, { drop: [[1, 1]] });
    store(state, { put: values(1, 'x'.repeat(28)) });
    expect(keysOf(state)).toEqual([2, 3, 4]);
  });
});
