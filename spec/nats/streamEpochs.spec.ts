import { firstValueFrom } from 'rxjs';
import { asObservable } from '../../lib/internal/maybeAsync.js';
import { createNatsContext } from '../../lib/nats/natsContext.js';
import { createEpochs, parseEpoch } from '../../lib/nats/streamEpochs.js';
import { natsChannelLog } from '../../lib/nats/index.js';
import { natsSettingsOf } from '../../lib/nats/natsOptions.js';
import { createStreamOpener } from '../../lib/nats/streamOpener.js';
import { describeWith } from '../support/debian.js';
import { startNats, type Nats } from '../support/nats.js';

describeWith('nats-server', 'the epoch of a stream', (program) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await startNats(program);
  });
  afterAll(() => nats.close());

  it('is the same for servers that begin at once', async () => {
    const connections = await Promise.all([nats.connect(), nats.connect(), nats.connect(), nats.connect()]);
    const slices = connections.map((connection) => {
      const log = natsChannelLog({ connection, stream: 'shared' });
      return firstValueFrom(asObservable(() => log.read('a', { limit: 1 })));
    });
    expect(new Set((await Promise.all(slices)).map(({ epoch }) => epoch)).size).toBe(1);
  });

  const epochsOf = async (stream: string) => {
    const context = createNatsContext(natsSettingsOf({ connection: await nats.connect(), stream }));
    await createStreamOpener(context).info();
    return { context, epochs: createEpochs(context) };
  };

  it('is another one when the stream has lost its end; and one server says so', async () => {
    const { context, epochs } = await epochsOf('short');
    const other = createEpochs(context);
    const before = await epochs.current();
    await other.current();
    expect((await epochs.verify()).epoch).toBe(before.epoch);
    for (const one of [epochs, other]) one.observe(before.marker + 1_000, before.epoch);
    const [first, second] = await Promise.all([epochs.verify(), other.verify()]);
    expect([first.epoch === before.epoch, second.epoch === first.epoch]).toEqual([false, true]);
    // What was before belongs to the one before.
    expect(first.since).toBeGreaterThan(before.marker);
    // A report that is late is of entries that are lost.
    epochs.observe(before.marker + 1_000, before.epoch);
    expect((await epochs.verify()).epoch).toBe(first.epoch);
  });

  it('is the same while a new leader finds the last entries of the stream', async () => {
    const { context, epochs } = await epochsOf('late');
    const before = await epochs.current();
    epochs.observe(before.marker + 1, before.epoch);
    const verified = epochs.verify();
    await context.client.publish(context.subjects.of('a'), '');
    expect((await verified).epoch).toBe(before.epoch);
  });

  it('is the same while the stream grows during each request for its end', async () => {
    const { context } = await epochsOf('busy');
    const manager: typeof context.manager = async (limit) => {
      const real = await context.manager(limit);
      const info: typeof real.streams.info = async (...args) => {
        const answer = await real.streams.info(...args);
        // This server appends while the answer is under way.
        epochs.observe((await context.client.publish(context.subjects.of('a'), 'x')).seq, before.epoch);
        return answer;
      };
      return { ...real, streams: Object.assign(Object.create(real.streams) as typeof real.streams, { info }) };
    };
    const epochs = createEpochs({ ...context, manager });
    const before = await epochs.current();
    expect((await epochs.verify()).epoch).toBe(before.epoch);
  });

  it('starts again when its mark was overwritten', async () => {
    const { context, epochs } = await epochsOf('broken');
    const before = await epochs.current();
    await context.client.publish(context.subjects.epoch, 'nonsense');
    expect((await epochs.current()).epoch).not.toBe(before.epoch);
  });
});

describe('the mark of an epoch', () => {
  it.each(['', 'short 0', '0123456789', '0123456789 -1', '0123456789 1e3', '0123456789 1 2'])('is not %j', (text) => {
    expect(parseEpoch(text, 7, 0)).toBeUndefined();
  });

  it('says where its epoch has begun, unless that is here', () => {
    expect([parseEpoch('0123456789 3', 7, 0)?.since, parseEpoch('0123456789 0', 7, 0)?.since]).toEqual([3, 7]);
  });
});
