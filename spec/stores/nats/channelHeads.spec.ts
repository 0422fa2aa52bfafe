import { asyncScheduler } from 'rxjs';
import { createChannelHeads } from '../../../lib/stores/nats/channelHeads.js';
import type { LogContext } from '../../../lib/stores/nats/logContext.js';
import type { StreamEntry } from '../../../lib/stores/nats/streamEntry.js';
import type { StreamEpoch } from '../../../lib/stores/nats/streamEpochs.js';
import { note } from '../../support/rooms.js';

const SUBJECT = 'log.channel.a';
const epochOf = (epoch: string, since: number): StreamEpoch => ({ epoch, since, marker: since, at: 0 });
const entryOf = (seq: number, previous: number): StreamEntry => ({
  subject: SUBJECT,
  seq,
  previous,
  epoch: 'epoch-0001',
  at: 0,
  data: Buffer.from(`${seq}`),
});

const of = (...entries: StreamEntry[]) => ({
  async *[Symbol.asyncIterator]() {
    await Promise.resolve();
    yield* entries;
  },
});

/** The heads of a log whose reads take their answers from `answers`, one after the other. */
function headsOf(answers: (() => Promise<StreamEntry | undefined>)[], verified = epochOf('epoch-0001', 1)) {
  const observed: [number, string][] = [];
  const log = {
    dedupeWindow: 60_000,
    maxPending: 100,
    scheduler: asyncScheduler,
    decode: (data: Uint8Array) => [note(Number(Buffer.from(data).toString()))],
    epochs: {
      current: () => Promise.resolve(epochOf('epoch-0001', 1)),
      verify: () => Promise.resolve(verified),
      observe: (seq: number, epoch: string) => void observed.push([seq, epoch]),
    },
    reader: {
      latest: () => answers.shift()!(),
      forwards: () => of(),
      backwards: ({ until }: { until: number }) => of(entryOf(until, 0)),
    },
  };
  return { heads: createChannelHeads(log as unknown as LogContext), observed };
}
const found = (seq: number, previous: number) => () => Promise.resolve(entryOf(seq, previous));

describe('the head of a channel', () => {
  it('is not behind the entries that a tail has reported while it was read', async () => {
    const late = () => {
      const answer = entryOf(2, 0);
      heads.observe(entryOf(3, 2), [note(3)]);
      return Promise.resolve(answer);
    };
    const { heads } = headsOf([found(2, 0), late]);
    await heads.load(SUBJECT);
    const { head } = await heads.load(SUBJECT);
    expect([head.seq, heads.get(SUBJECT)?.seq]).toEqual([3, 3]);
  });

  it('is not an entry of a stream that was deleted while it was read', async () => {
    // The first read of the second load is answered by the former stream, which is recreated then.
    const { heads, observed } = headsOf([found(60, 0), found(50, 0), found(2, 0)], epochOf('epoch-0002', 1));
    await heads.load(SUBJECT);
    expect((await heads.load(SUBJECT)).head).toMatchObject({ epoch: 'epoch-0002', seq: 2 });
    // The stream of the new epoch would be shorter, and so be considered lost.
    expect(observed.at(-1)).toEqual([2, 'epoch-0002']);
  });
});
