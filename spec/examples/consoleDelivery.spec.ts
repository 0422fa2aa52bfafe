import { from, lastValueFrom } from 'rxjs';
import { countDelivery, type Delivery } from '../../docs/examples/console/delivery.js';
import { createMessage } from '../../lib/message/createMessage.js';

/** The counts of numbers as they arrive. */
const count = (...tags: readonly (number | string)[]): Promise<Delivery> =>
  lastValueFrom(from(tags.map((tag) => createMessage('test', 0, { metadata: { deliveryTag: String(tag) } }))).pipe(countDelivery()));

describe('countDelivery', () => {
  it('counts nothing lost or doubled in 1, 2, 3', async () => {
    expect(await count(1, 2, 3)).toEqual({ received: 3, lost: 0, doubled: 0 });
  });

  it('counts a gap as lost, also at the start, until the missing one arrives', async () => {
    expect(await count(1, 4)).toEqual({ received: 2, lost: 2, doubled: 0 });
    expect(await count(2)).toEqual({ received: 1, lost: 1, doubled: 0 });
    expect(await count(1, 3, 2)).toEqual({ received: 3, lost: 0, doubled: 0 });
  });

  it('counts a repeated message as doubled', async () => {
    expect(await count(1, 1, 2, 1)).toEqual({ received: 4, lost: 0, doubled: 2 });
  });

  it('does not count a message without a number', async () => {
    const messages = [1, undefined, 2].map((tag) => createMessage('test', 0, tag ? { metadata: { deliveryTag: String(tag) } } : {}));
    expect(await lastValueFrom(from(messages).pipe(countDelivery()))).toEqual({ received: 2, lost: 0, doubled: 0 });
  });

  it('counts all that a message stands for', async () => {
    expect(await count('1-3', 4)).toEqual({ received: 4, lost: 0, doubled: 0 });
    expect(await count('1-3', '3-4', 6)).toEqual({ received: 6, lost: 1, doubled: 1 });
  });
});
