import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { batch, commonCases } from '../support/outboxCases.js';
import { outboxContract } from '../support/outboxContract.js';
import { ownerOf } from '../support/outboxOwner.js';

describe('memoryOutbox', () => {
  outboxContract(() => ({ store: () => memoryOutbox() }), commonCases);

  it('answers at once', () => {
    const store = ownerOf(memoryOutbox());
    expect(store.open()).toMatchObject({ epoch: 1, acked: 0, batches: [] });
    expect(store.add([batch(1)])).toBeUndefined();
  });

  it('does not outlive the process, and begins afresh each time it is opened', () => {
    const store = memoryOutbox();
    expect(store.isDurable).toBe(false);
    expect(store.open()).not.toEqual(store.open());
  });

  it('has limits', () => {
    expect(memoryOutbox()).toMatchObject({ maxMessages: 10_000, maxBytes: 16 * 1024 * 1024 });
    expect(memoryOutbox({ maxMessages: 2, maxBytes: 3 })).toMatchObject({ maxMessages: 2, maxBytes: 3 });
    expect(() => memoryOutbox({ maxBytes: 0 })).toThrow(new RangeError('memoryOutbox: "maxBytes" must be > 0, got 0'));
    expect(() => memoryOutbox({ maxMessages: -1 })).toThrow(new RangeError('memoryOutbox: "maxMessages" must be > 0, got -1'));
  });
});
