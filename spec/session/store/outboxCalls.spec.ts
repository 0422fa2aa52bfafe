import { throwError } from 'rxjs';
import { StoreError } from '../../../lib/errors.js';
import { outboxCalls, type FrameBatch } from '../../../lib/session/store/outboxCalls.js';
import type { OutboxStore, OutboxWrite } from '../../../lib/session/store/outboxStore.js';
import { webStorageOutbox } from '../../../lib/session/store/webStorageOutbox.js';
import { faultOf, ready } from '../../support/outboxCases.js';
import { fakeStorage } from './fakeStorage.js';

const batch = (first: number, count = 1): FrameBatch => ({
  ...{ first, count, frame: `["msg",${first},${count},[]]`, delivery: 'exactly-once' },
});

/** The five calls over a store, what it is told to write, and how the next writes fail. */
async function calls() {
  const storage = fakeStorage();
  const writes: OutboxWrite[] = [];
  const failures: StoreError[] = [];
  const inner = webStorageOutbox('a', { storage, locks: false });
  const store: OutboxStore = {
    ...inner,
    write(change) {
      writes.push(change);
      const failure = failures.shift();
      return failure ? throwError(() => failure) : inner.write(change);
    },
  };
  const outbox = outboxCalls(store);
  await ready(outbox.open());
  const reopened = () => ready(outboxCalls(webStorageOutbox('a', { storage, locks: false })).open());
  return { outbox, writes, failures, reopened };
}

describe('outboxCalls', () => {
  it('writes each change with all earlier ones', async () => {
    const { outbox, writes, reopened } = await calls();
    await ready(outbox.append([batch(1), batch(2, 2)]));
    await ready(outbox.mark(9));
    await ready(outbox.remember({ sid: 's', rt: 'r' }));
    await ready(outbox.trim(1));
    const ticket = { sid: 's', rt: 'r', former: [] };
    expect(writes.at(-1)).toMatchObject({ head: { acked: 1, last: 3, mark: 9, ticket }, batches: [], replaces: false });
    expect(await reopened()).toMatchObject({ epoch: 2, acked: 1, last: 3, sent: 9, ticket, batches: [batch(2, 2)] });
    await ready(outbox.trim(1));
    expect(writes).toHaveLength(4);
  });

  it('has the numbers of a failed append free again', async () => {
    const { outbox, writes, failures } = await calls();
    await ready(outbox.append([batch(1)]));
    failures.push(new StoreError('web-storage', 'quota'));
    expect(await faultOf(() => outbox.append([batch(2, 5)]))).toBe('quota');
    await ready(outbox.mark(1));
    expect(writes.map(({ head }) => head.last)).toEqual([1, 6, 1]);
  });

  it('stores a frame of skipped numbers without its text', async () => {
    const { outbox, writes, reopened } = await calls();
    const skip: FrameBatch = { ...batch(2, 2), frame: '["skip",[2,3]]' };
    await ready(outbox.replace(1, [skip, batch(4)], 1));
    expect(writes[0]?.batches.map(({ body }) => body)).toEqual(['', batch(4).frame]);
    expect((await reopened()).batches).toEqual([skip, batch(4)]);
  });
});
