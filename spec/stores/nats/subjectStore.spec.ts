import { StoreError } from '../../../lib/message/errors.js';
import { steadyScheduler } from '../../../lib/message/steadyScheduler.js';
import { natsStore } from '../../../lib/stores/nats/natsStore.js';
import { createSubjectStore, type SubjectEntry, type SubjectStream } from '../../../lib/stores/nats/subjectStore.js';
import { storedOutbox } from '../../../lib/stores/log/storedOutbox.js';
import { batch, ready } from '../../support/outboxCases.js';
import { ownerOf } from '../../support/outboxOwner.js';
import { retryContext } from '../../support/retryContext.js';

const context = retryContext(steadyScheduler(), 1_000);

/** Stores an entry; undefined if another one is there. */
type Write = () => number | undefined;

/** A stream in memory, of which some answers are other ones: `answers` are called for the appends, one after the other. */
function streamWith(...answers: ((write: Write) => ReturnType<Write>)[]) {
  const entries: SubjectEntry[] = [];
  let appended = 0;
  const stream: SubjectStream = {
    get: (query) => Promise.resolve('last_by_subj' in query ? entries.at(-1) : entries.find(({ seq }) => seq >= query.seq)),
    async append({ data, behind }) {
      await Promise.resolve();
      const write: Write = () => {
        if ((entries.at(-1)?.seq ?? 0) !== behind) return undefined;
        entries.push({ seq: behind + 1, data: Uint8Array.from(data as Uint8Array) });
        return behind + 1;
      };
      return (answers[appended++] ?? ((store) => store()))(write);
    },
    purge(options) {
      const { seq } = options as { seq: number };
      const kept = entries.findIndex((entry) => entry.seq >= seq);
      return Promise.resolve({ success: true, purged: entries.splice(0, kept).length });
    },
  };
  return { stream, entries };
}
const fail = (error: Error): never => {
  throw error;
};
const lostAnswer = (write: Write): never => {
  write();
  return fail(new Error('timeout'));
};
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('an append of a cluster', () => {
  it('finds its stored entry when the answer was lost, even when others have followed', async () => {
    const { stream, entries } = streamWith((write) => {
      write();
      entries.push({ seq: 2, data: bytes('of another owner') });
      return fail(new Error('timeout'));
    });
    expect(await createSubjectStore(stream, context, '').append('a', bytes('mine'), 0)).toBe(1);
  });

  it('returns nothing when another owner was faster', async () => {
    const { stream, entries } = streamWith();
    entries.push({ seq: 1, data: bytes('of another owner') });
    expect(await createSubjectStore(stream, context, '').append('a', bytes('mine'), 0)).toBeUndefined();
  });

  it('waits while the leader says that the sequence is wrong, and has nothing behind it', async () => {
    const busy = (): undefined => undefined;
    const { stream } = streamWith(busy, busy);
    expect(await createSubjectStore(stream, context, '').append('a', bytes('mine'), 0)).toBe(1);
  });

  it('fails with quota when the stream is full, at once', async () => {
    const { stream } = streamWith(() => fail(new StoreError('nats', 'quota')));
    const append = createSubjectStore(stream, context, '').append('a', bytes('mine'), 0);
    await expect(append).rejects.toMatchObject({ code: 'ERR_STORE', fault: 'quota' });
  });
});

it('removes nothing in front of the first entry: NATS would remove all of the subject', () => {
  const purged: number[] = [];
  const { stream } = streamWith();
  const purge: SubjectStream['purge'] = (options) =>
    Promise.resolve({ success: true, purged: purged.push((options as { seq: number }).seq) });
  const store = createSubjectStore({ ...stream, purge }, context, '');
  for (const seq of [0, 1, 2]) store.trim('a', seq);
  expect(purged).toEqual([2]);
});

it('an owner whose answer was lost finds its entry, though the next owner has closed the outbox', async () => {
  const { stream } = streamWith((write) => write(), lostAnswer);
  const open = () => {
    const store = natsStore(context, { outbox: { store: createSubjectStore({ ...stream }, context, '') } });
    return ownerOf(storedOutbox({ name: 'nats', log: 'outbox p', maxMessages: 100, maxBytes: 100_000, openStore: () => store }));
  };
  const [first, next] = [open(), open()];
  await ready(first.open());
  const stored = ready(first.add([batch(1)]));
  const contents = await ready(next.open());
  await ready(next.add([batch(2)]));
  // Both are one write.
  await Promise.all([ready(next.ack(2)), ready(next.add([batch(3)]))]);
  next.close();
  await expect(stored).resolves.toBeUndefined();
  expect(contents.batches).toEqual([batch(1)]);
});
