import { firstValueFrom, toArray } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import { natsCluster, type NatsClusterOptions, type NatsConnection } from '../../../lib/stores/nats/index.js';
import { deadLetterCases, letter } from '../../support/deadLetterCases.js';
import { describeWith } from '../../support/debian.js';
import { leaseOf } from '../../support/inboxes.js';
import { startNats, type Nats } from '../../support/nats.js';
import { faultOf, ready } from '../../support/outboxCases.js';
import { queueCases } from '../../support/queueCases.js';

describeWith('nats-server', 'what a cluster keeps for all of its nodes', (program) => {
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
  /** Another node. */
  const node = (options: Partial<NatsClusterOptions> = {}) => natsCluster({ connection, name, ...options });

  describe('dead letters', () => {
    it.each(Object.entries(deadLetterCases))('%s', async (_, check) => check(node({ maxDeadLetters: 3 }).deadLetters));

    it('are stored with the cursor, and read by each node', async () => {
      const [one, other] = [node({ maxDeadLetters: 2 }), node({ maxDeadLetters: 2 })];
      const dropped: string[] = [];
      one.deadLetters.dropped$.subscribe(({ message: { id } }) => dropped.push(id));
      await ready(other.deadLetters.add(letter('a')));
      const completions = ['b', 'c'].map((id) => ({ deadLetter: letter(id) }));
      await ready(one.inbox.commit(leaseOf('ann'), { done: 2, finished: [] }, completions));
      expect(dropped).toEqual(['a']);
      expect(await firstValueFrom(other.deadLetters.count())).toBe(2);
    });

    it('are removed above a size, and reported', async () => {
      const { deadLetters } = node({ maxTotalBytes: 2_000 });
      const dropped: string[] = [];
      deadLetters.dropped$.subscribe(({ message: { id } }) => dropped.push(id));
      for (const id of ['a', 'b', 'c'])
        await ready(deadLetters.add({ ...letter(id), message: createMessage('a', 'x'.repeat(700), { id }) }));
      expect(dropped).toEqual(['a']);
      expect(await firstValueFrom(node().deadLetters.count())).toBe(2);
    });

    it('are stored without the one that cannot be', async () => {
      const { deadLetters } = node();
      const bad = { ...letter('bad'), message: createMessage('a', 2n ** 70n, { id: 'bad' }) };
      const added = [letter('a'), bad, letter('b')].map((one) => ready(deadLetters.add(one)));
      expect((await Promise.allSettled(added)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      const stored = await firstValueFrom(node().deadLetters.list().pipe(toArray()));
      expect(stored.map(({ message }) => message.id)).toEqual(['a', 'b']);
    });

    it('are added by several nodes at once', async () => {
      const nodes = [node(), node(), node()];
      await Promise.all(nodes.flatMap(({ deadLetters }) => ['a', 'b', 'c', 'd'].map((id) => ready(deadLetters.add(letter(id))))));
      expect(await firstValueFrom(node().deadLetters.count())).toBe(12);
    });
  });

  describe('queues', () => {
    const cases = Object.entries(queueCases).filter(([title]) => !title.includes('corrupt'));
    it.each(cases)('%s', async (_, check) => check({ log: () => node().queue('orders'), corrupt: () => undefined }));

    it('refuse messages above a size, and take some again when others are done', async () => {
      const log = node({ maxTotalBytes: 2_000 }).queue('large');
      await ready(log.open());
      const message = createMessage('order.placed', 'x'.repeat(700));
      const add = (place: number) => log.write([{ place, message, since: 0 }], []);
      for (const place of [1, 2]) await ready(add(place));
      expect(await faultOf(() => add(3))).toBe('quota');
      await ready(log.write([], [1]));
      await ready(add(3));
    });
  });

  it('results', async () => {
    await ready(node().results.put('order 7', { total: 42 }));
    expect([await ready(node().results.get('order 7')), await ready(node().results.get('order 8'))]).toEqual([{ total: 42 }, undefined]);
  });

  it('refuses a result that is too large for a message of NATS, at once', async () => {
    const { results } = node({ timeout: 60_000 });
    await expect(ready(results.put('order 9', 'x'.repeat(1_100_000)))).rejects.toMatchObject({
      ...{ code: 'ERR_STORE', fault: 'failed', cause: { code: 'ERR_FRAME_TOO_LARGE' } },
    });
    await ready(results.put('order 9', 1));
    expect(await ready(results.get('order 9'))).toBe(1);
  });
});
