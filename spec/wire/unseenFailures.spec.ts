import {
  DrainTimeoutError,
  EncodeError,
  MessageDroppedError,
  OverflowError,
  StoreError,
  UndeliveredError,
} from '../../lib/message/errors.js';
import { addLoss, overflowTest, withLosses, type Losses } from '../../lib/wire/unseenFailures.js';

const overflow = new MessageDroppedError('a', 'overflow');

describe('overflowTest', () => {
  it.each([
    ['a drop by the default policy', undefined, overflow, true],
    ['a drop by a chosen policy', 'drop-oldest', overflow, false],
    ['a refusal by the policy error', 'error', new OverflowError('the outbox', 1), true],
    ['a store without room', 'drop-oldest', new StoreError('lmdb', 'quota'), true],
    ['a store that fails', undefined, new StoreError('lmdb', 'failed'), true],
    ['an expired message', undefined, new MessageDroppedError('a', 'expired'), false],
    ['a message that was left at the end', undefined, new MessageDroppedError('a', 'closed'), false],
    ['a message that cannot be encoded', undefined, new EncodeError('json', ''), false],
  ] as const)('tells whether %s is a loss', (_, policy, error, isLoss) => {
    expect(overflowTest(policy)(error)).toBe(isLoss);
  });
});

describe('the losses of a wire', () => {
  it('counts all, and names the first 100', () => {
    const ids = Array.from({ length: 150 }, (_, index) => `m${index}`);
    const losses = ids.reduce<Losses | undefined>((former, id) => addLoss(id, former), undefined);
    expect(losses).toEqual({ count: 150, ids: ids.slice(0, 100), kept: 0 });
  });

  it('adds its messages to the error with which the session ends', () => {
    const losses = addLoss('a');
    const left = { count: 2, ids: ['b', 'c'], kept: 1 };
    expect(withLosses(new DrainTimeoutError(left, 5), losses)).toMatchObject({
      ...{ code: 'ERR_DRAIN_TIMEOUT', count: 3, ids: ['a', 'b', 'c'], kept: 1, timeout: 5 },
      text: '3 messages were not delivered within 5 ms after the wire was completed (a, b, c). The outbox keeps 1 of them for the next wire',
    });
    expect(withLosses(new UndeliveredError(left), losses)).toMatchObject({ code: 'ERR_UNDELIVERED', count: 3 });
    const other = new Error('boom');
    expect(withLosses(other, losses)).toBe(other);
  });
});
