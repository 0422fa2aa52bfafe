import { StoredIncoming } from '../../lib/core/storedIncoming.js';
import { OPTIONS } from './coreHarness.js';
import { ReceiveProgress } from '../../lib/core/receiveProgress.js';
import { Outputs, type CoreEffect } from '../../lib/core/coreTypes.js';

/** Returns the cursors of the writes since the last call, with their ids. */
const taken = (outputs: Outputs) =>
  outputs.takeEffects().map((effect) => {
    const { id, write } = effect as Extract<CoreEffect, { kind: 'inbox' }>;
    return { id, done: write.cursor?.done, finished: write.cursor?.finished };
  });

describe('StoredIncoming', () => {
  it('stores the progress of messages whose acks wait: the cursor never moves back', () => {
    const outputs = new Outputs();
    const progress = new ReceiveProgress();
    const delayed: number[] = [];
    const store = new StoredIncoming(OPTIONS, outputs);
    store.onCommitted = (number) => delayed.push(number);
    for (const number of [1, 2, 3]) {
      store.add(number, progress);
      store.commit();
      const [write] = taken(outputs);
      expect(write).toMatchObject({ done: number, finished: [] });
      store.answered(write!.id, undefined, 0);
    }
    expect([delayed, progress.done]).toEqual([[1, 2, 3], 0]);
    progress.add(1);
    store.add(5, progress);
    store.commit();
    expect(taken(outputs)).toMatchObject([{ done: 3, finished: [5] }]);
  });
});
