import type { Inbox, InboxLease } from '../../lib/stores/inbox.js';
import { recordOf } from './inboxes.js';
import { ready } from './outboxCases.js';

const cursor = (done: number, ...finished: number[]) => ({ done, finished });

/** Claims the sender `ann` for its hello with this number. */
export async function claimFor<Tx>(inbox: Inbox<Tx>, n: number): Promise<InboxLease> {
  return (await ready(inbox.claim('ann', () => ({ owner: `owner ${n}`, epoch: 1, n })))).lease!;
}

/**
 * Registers the tests of the owners of a sender that each inbox passes which several processes share.
 *
 * @param open Opens the inbox for another process.
 * @param fenced The error of a write of an owner that another one has followed.
 */
export function inboxOwnerCases<Tx>(open: () => Inbox<Tx>, fenced: object): void {
  it.each([
    [1, 2],
    [2, 1],
  ] as const)('lets the later of two hellos of an unknown sender win: hello %i writes first, then hello %i', async (...order) => {
    const inboxes = { 1: open(), 2: open() };
    const leases = { 1: await claimFor(inboxes[1], 1), 2: await claimFor(inboxes[2], 2) };
    const write = async (n: 1 | 2) => {
      await ready(inboxes[n].remember(leases[n], `session ${n}`));
      await ready(inboxes[n].commit(leases[n], cursor(n, n + 2), []));
    };
    await write(order[0]);
    if (order[0] === 1) await write(2);
    else await expect(write(1)).rejects.toMatchObject(fenced);
    expect(await ready(recordOf(inboxes[1], 'ann'))).toEqual({ cursor: cursor(2, 4), session: 'session 2' });
    await expect(ready(inboxes[1].commit(leases[1], cursor(9), []))).rejects.toMatchObject(fenced);
  });

  it('replaces all that an earlier session of an unknown sender has stored', async () => {
    const inbox = open();
    const leases = [await claimFor(inbox, 1), await claimFor(inbox, 2)] as const;
    await ready(inbox.remember(leases[0], 'session 1'));
    await ready(inbox.commit(leases[0], cursor(5, 7), []));
    await ready(inbox.remember(leases[1], 'session 2'));
    expect(await ready(recordOf(inbox, 'ann'))).toEqual({ cursor: cursor(0), session: 'session 2' });
  });

  it('stores the renewed claim of the same owner, which an older lease does not change', async () => {
    const inbox = open();
    const lease = await claimFor(inbox, 1);
    await ready(inbox.commit(lease, cursor(1), []));
    await ready(inbox.claim('ann', () => ({ owner: 'owner 1', epoch: 1, n: 4 })));
    await ready(inbox.commit(lease, cursor(2), []));
    const { record } = await ready(inbox.claim('ann', () => undefined));
    expect(record).toMatchObject({ claim: { owner: 'owner 1', epoch: 1, n: 4 }, cursor: cursor(2) });
  });
}
