import { jetstreamManager } from '@nats-io/jetstream';
import { natsCluster, type NatsConnection } from '../../../lib/stores/nats/index.js';
import type { Completion, Inbox } from '../../../lib/stores/inbox.js';
import { describeWith } from '../../support/debian.js';
import { leaseOf, recordOf } from '../../support/inboxes.js';
import { claimFor, inboxOwnerCases } from '../../support/inboxOwnerCases.js';
import { startNats, type Nats } from '../../support/nats.js';
import { ready } from '../../support/outboxCases.js';

const cursor = (done: number, ...finished: number[]) => ({ done, finished });
const effects = (...all: (() => void)[]): Completion<undefined>[] => all.map((effect) => ({ effect }));
const fenced = { code: 'ERR_STORE', store: 'nats', fault: 'fenced' };

describeWith('nats-server', 'the inbox of a cluster', (program) => {
  let nats: Nats;
  let connection: NatsConnection;
  let clusters = 0;
  let name: string;
  beforeAll(async () => {
    nats = await startNats(program);
    connection = await nats.connect();
  });
  beforeEach(() => {
    name = `rx${clusters++}`;
  });
  afterAll(() => nats.close());

  /** The inbox of another node. */
  const open = (settings: { readonly timeout?: number } = {}): Inbox<undefined> => natsCluster({ connection, name, ...settings }).inbox;

  it('knows nothing of a sender that is new, and stores nothing for it', async () => {
    const inbox = open();
    await claimFor(inbox, 1);
    expect(await ready(recordOf(inbox, 'ann'))).toBeUndefined();
  });

  it('keeps the cursor, the rejections and the session of each sender', async () => {
    const inbox = open();
    const rejections = [{ number: 2, kind: 'refused', code: 'ERR_X', reason: 'not today' } as const];
    await ready(inbox.commit(leaseOf('ann'), { ...cursor(7, 9, 10), rejections }, []));
    await ready(inbox.remember(leaseOf('ann'), { sid: 's', n: 3, more: [1n, null] }));
    await ready(inbox.remember(leaseOf('a sender = *.>'), 'x'));
    const other = open();
    expect(await ready(recordOf(other, 'ann'))).toEqual({
      cursor: { ...cursor(7, 9, 10), rejections },
      session: { sid: 's', n: 3, more: [1n, null] },
    });
    expect(await ready(recordOf(other, 'a sender = *.>'))).toEqual({ cursor: cursor(0), session: 'x' });
  });

  it('fails the writes of an earlier owner before any effect', async () => {
    const [one, other] = [open(), open()];
    const first = await claimFor(one, 1);
    await ready(one.commit(first, cursor(1), []));
    const taken = await ready(other.claim('ann', () => ({ owner: 'owner 2', epoch: 1, n: 2 })));
    expect(taken.record).toEqual({ cursor: cursor(1), claim: { owner: 'owner 1', epoch: 1, n: 1 }, session: undefined });
    let runs = 0;
    const effect = (): void => {
      runs++;
    };
    await expect(ready(one.commit(first, cursor(2), effects(effect)))).rejects.toMatchObject(fenced);
    await expect(ready(one.commit(first, cursor(2), []))).rejects.toMatchObject(fenced);
    await expect(ready(one.remember(first, 'x'))).rejects.toMatchObject(fenced);
    expect(runs).toBe(0);
    await ready(other.commit(taken.lease!, cursor(2), []));
    expect(await ready(recordOf(one, 'ann'))).toMatchObject({ cursor: cursor(2) });
  });

  inboxOwnerCases(() => open(), fenced);

  it('accepts one of several simultaneous claims, and lets the others decide again with the stored state', async () => {
    await ready(open().commit(leaseOf('ann', 'owner 0'), cursor(1), []));
    const nodes = [open(), open(), open(), open()];
    const leases = await Promise.all(nodes.map((inbox, n) => claimFor(inbox, n)));
    const results = await Promise.allSettled(nodes.map((inbox, n) => ready(inbox.commit(leases[n]!, cursor(2), []))));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(results.filter(({ status }) => status === 'rejected')).toEqual(
      Array.from({ length: 3 }, () => ({ status: 'rejected', reason: expect.objectContaining(fenced) })),
    );
  });

  it('stores nothing when an effect throws or waits, and delivers the error', async () => {
    const inbox = open();
    const boom = new Error('boom');
    const throws = (): never => {
      throw boom;
    };
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(throws)))).rejects.toBe(boom);
    const waits = (): unknown => Promise.reject(boom);
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(1), effects(waits)))).rejects.toThrow(TypeError);
    expect(await ready(recordOf(inbox, 'ann'))).toBeUndefined();
  });

  it('runs the effects once when another node writes meanwhile', async () => {
    const [one, other] = [open(), open()];
    const lease = { ...leaseOf('ann'), isNew: true, n: 5 };
    const runs: string[] = [];
    await ready(other.commit(leaseOf('ann'), cursor(1), []));
    await ready(
      one.commit(
        lease,
        cursor(2),
        effects(
          () => void runs.push('one'),
          () => void runs.push('two'),
        ),
      ),
    );
    expect(runs).toEqual(['one', 'two']);
  });

  it('fails the claim of an entry that is unreadable, and serves the others', async () => {
    const inbox = open();
    await ready(inbox.commit(leaseOf('ann'), cursor(1), []));
    await connection.request(`${name}.session.ann`, 'x', { timeout: 1_000 });
    const results = await Promise.allSettled([ready(recordOf(inbox, 'ann')), ready(inbox.commit(leaseOf('ben'), cursor(1), []))]);
    expect(results).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_STORE', fault: 'corrupt' }) },
      { status: 'fulfilled', value: undefined },
    ]);
  });

  it('opens its stream again after its deletion', async () => {
    const inbox = open();
    await ready(inbox.commit(leaseOf('ann'), cursor(1), []));
    await (await jetstreamManager(connection)).streams.delete(`${name}-sessions`);
    await ready(inbox.commit(leaseOf('ann'), cursor(2), []));
    expect(await ready(recordOf(inbox, 'ann'))).toMatchObject({ cursor: cursor(2) });
  });

  it('fails when NATS does not answer in time, and works again when it does', async () => {
    const inbox = open({ timeout: 300 });
    await ready(inbox.commit(leaseOf('ann'), cursor(1), []));
    await nats.kill();
    await expect(ready(inbox.commit(leaseOf('ann'), cursor(2), []))).rejects.toMatchObject({ code: 'ERR_STORE', fault: 'failed' });
    await nats.start();
    const again = open();
    await ready(again.commit(leaseOf('ann'), cursor(3), []));
    expect(await ready(recordOf(again, 'ann'))).toMatchObject({ cursor: cursor(3) });
  });
});
