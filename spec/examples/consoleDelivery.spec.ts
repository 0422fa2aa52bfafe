import { from, lastValueFrom } from 'rxjs';
import { countDelivery, type Delivery } from '../../docs/examples/console/delivery.js';
import { createMessage } from '../../lib/message/createMessage.js';

/** What is counted of numbers as they arrive, each with the stream that it belongs to. */
const count = (...arrivals: readonly (readonly [stream: string, tag: number])[]): Promise<Delivery> =>
  lastValueFrom(
    from(
      arrivals.map(([correlationId, deliveryTag]) =>
        createMessage('test', 0, { correlationId, metadata: { deliveryTag: String(deliveryTag) } }),
      ),
    ).pipe(countDelivery()),
  );

describe('countDelivery', () => {
  it('counts nothing lost or doubled in 1, 2, 3', async () => {
    expect(await count(['a', 1], ['a', 2], ['a', 3])).toEqual({ received: 3, lost: 0, doubled: 0 });
  });

  it('counts a gap as lost, also at the start, until the missing one arrives', async () => {
    expect(await count(['a', 1], ['a', 4])).toEqual({ received: 2, lost: 2, doubled: 0 });
    expect(await count(['a', 2])).toEqual({ received: 1, lost: 1, doubled: 0 });
    expect(await count(['a', 1], ['a', 3], ['a', 2])).toEqual({ received: 3, lost: 0, doubled: 0 });
  });

  it('counts what comes again as doubled', async () => {
    expect(await count(['a', 1], ['a', 1], ['a', 2], ['a', 1])).toEqual({ received: 4, lost: 0, doubled: 2 });
  });

  it('adds up streams that follow each other', async () => {
    expect(await count(['a', 1], ['a', 3], ['b', 1], ['b', 1], ['b', 2])).toEqual({ received: 5, lost: 1, doubled: 1 });
  });
});
