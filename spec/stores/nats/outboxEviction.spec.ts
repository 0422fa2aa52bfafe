import fc from 'fast-check';
import { asyncScheduler } from 'rxjs';
import { createNatsContext } from '../../../lib/stores/nats/natsContext.js';
import { createNatsStream } from '../../../lib/stores/nats/natsStream.js';
import { evictedOf, readUsage, type SubjectUsage } from '../../../lib/stores/nats/outboxEviction.js';
import { describeWith } from '../../support/debian.js';
import { startNats, type Nats } from '../../support/nats.js';

const usageOf = (subjects: readonly SubjectUsage[], maxBytes: number) => ({
  bytes: subjects.reduce((sum, { bytes }) => sum + bytes, 0),
  maxBytes,
  subjects,
});
const subject = (name: string, group: string, bytes: number, at: number): SubjectUsage => ({ subject: name, group, bytes, at });

describe('the outboxes that a full store empties', () => {
  it('are none while an eighth is free', () => {
    expect(evictedOf(usageOf([subject('a', 'ann', 700, 1)], 800))).toEqual([]);
  });

  it('are those of the group with most bytes, in the order of their last entries', () => {
    const subjects = [subject('a', 'ann', 200, 1), subject('b', 'ben', 300, 3), subject('c', 'ben', 300, 2), subject('d', 'ben', 0, 0)];
    expect(evictedOf(usageOf(subjects, 800))).toEqual(['c']);
  });

  it('leave no group with less than the largest one has, and no more than seven eighths', () => {
    const some = fc.record({ group: fc.constantFrom('ann', 'ben', 'cid'), bytes: fc.nat(100), at: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 20 }), fc.integer({ min: 100, max: 1_000 }), (all, maxBytes) => {
        const subjects = all.map(({ group, bytes, at }, index) => subject(`${index}`, group, bytes, at));
        const usage = usageOf(subjects, maxBytes);
        const names = evictedOf(usage);
        const sizes = new Map<string, number>();
        for (const { group, bytes } of subjects) sizes.set(group, (sizes.get(group) ?? 0) + bytes);
        let left = usage.bytes;
        for (const name of names) {
          const { group, bytes } = subjects[Number(name)]!;
          expect([sizes.get(group), left > (maxBytes * 7) / 8]).toEqual([Math.max(...sizes.values()), true]);
          sizes.set(group, sizes.get(group)! - bytes);
          left -= bytes;
        }
        expect(left).toBeLessThanOrEqual((maxBytes * 7) / 8);
      }),
    );
  });
});

describeWith('nats-server', 'the usage of a stream', (program) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterAll(() => nats.close());

  it('has room when another node has made room while it was read', async () => {
    const settings = { replicas: 1, storage: 'memory', timeout: 5_000, scheduler: asyncScheduler } as const;
    const context = createNatsContext({ ...settings, connection: await nats.connect() });
    const limits = { maxMessages: Infinity, maxBytes: 100_000, maxAge: Infinity };
    const options = { name: 'outboxes', subjects: ['outbox.*'], discard: 'new' as const, ...limits };
    const other = createNatsStream(context, options);
    let seq = 0;
    for (const name of ['a', 'b']) {
      const first = await other.append({ subject: `outbox.${name}`, data: new Uint8Array(30_000), behind: 0 });
      seq = (await other.append({ subject: `outbox.${name}`, data: new Uint8Array(15_000), behind: first! }))!;
    }
    expect(seq).toBe(4);
    const manager: typeof context.manager = async (limit) => {
      const real = await context.manager(limit);
      const add: typeof real.consumers.add = async (...args) => {
        await other.purge({ filter: 'outbox.a', keep: 1 });
        return real.consumers.add(...args);
      };
      return { ...real, consumers: Object.assign(Object.create(real.consumers) as typeof real.consumers, { add }) };
    };
    const usage = await readUsage(createNatsStream({ ...context, manager }, options), 'outbox.*');
    expect([usage.subjects.map(({ subject: name }) => name), evictedOf(usage)]).toEqual([['outbox.a', 'outbox.b'], []]);
  });
});
