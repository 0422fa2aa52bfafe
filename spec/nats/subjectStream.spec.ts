import { asyncScheduler } from 'rxjs';
import { createNatsContext } from '../../lib/nats/natsContext.js';
import { evictedOf } from '../../lib/nats/outboxEviction.js';
import { createSubjectStream } from '../../lib/nats/subjectStream.js';
import { describeWith } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';

describeWith('nats-server', 'the usage of a stream', (program) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterAll(() => nats.close());

  it('has room when another node has made room while it was read', async () => {
    const settings = { replicas: 1, storage: 'memory', timeout: 5_000, scheduler: asyncScheduler } as const;
    const context = createNatsContext({ ...settings, connection: await nats.connect() });
    const options = { stream: 'outboxes', prefix: 'outbox.', maxMessages: Infinity, maxBytes: 100_000, maxAge: Infinity };
    const other = createSubjectStream(context, options);
    let seq = 0;
    for (const name of ['a', 'b']) {
      const first = await other.append(name, new Uint8Array(30_000), 0, 5_000);
      seq = (await other.append(name, new Uint8Array(15_000), first!, 5_000))!;
    }
    expect(seq).toBe(4);
    const manager: typeof context.manager = async (limit) => {
      const real = await context.manager(limit);
      const add: typeof real.consumers.add = async (...args) => {
        await other.keepLatest('a');
        return real.consumers.add(...args);
      };
      return { ...real, consumers: Object.assign(Object.create(real.consumers) as typeof real.consumers, { add }) };
    };
    const usage = await createSubjectStream({ ...context, manager }, options).usage();
    expect([usage.subjects.map(({ name }) => name), evictedOf(usage)]).toEqual([['a', 'b'], []]);
  });
});
