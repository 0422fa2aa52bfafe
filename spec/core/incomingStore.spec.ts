import { IncomingStore } from '../../lib/core/incomingStore.js';
import { Progress } from '../../lib/core/progress.js';
import { Outputs, type SessionEffect } from '../../lib/core/sessionTypes.js';

/** Returns the cursors of the writes since the last call, with their ids. */
const taken = (outputs: Outputs) =>
  outputs.takeEffects().map((effect) => {
    const { id, write } = effect as Extract<SessionEffect, { kind: 'inbox' }>;
    return { id, done: write.cursor?.done, finished: write.cursor?.finished };
  });

describe('IncomingStore', () => {
  it('stores the progress of messages whose acks wait: the cursor never moves back', () => {
    const outputs = new Outputs();
    const progress = new Progress();
    const delayed: number[] = [];
    const store = new IncomingStore(outputs, (number) => delayed.push(number));
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
