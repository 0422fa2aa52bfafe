import { firstValueFrom } from 'rxjs';
import { asObservable } from '../../lib/internal/maybeAsync.js';
import { createNatsContext } from '../../lib/nats/natsContext.js';
import { createEpochs, parseEpoch } from '../../lib/nats/streamEpochs.js';
import { natsChannelLog } from '../../lib/nats/index.js';
import { natsSettingsOf } from '../../lib/nats/natsOptions.js';
import { verifyStream } from '../../lib/nats/verifyStream.js';
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

  it('is another one when the stream has lost its end; and one server says so', async () => {
    const context = createNatsContext(natsSettingsOf({ connection: await nats.connect(), stream: 'short' }));
    const epochs = createEpochs(context);
    const { streamEpoch, last } = await verifyStream(context, epochs, undefined);
    const place = { streamEpoch, head: last + 1_000, bytes: 0 };
    expect((await verifyStream(context, epochs, { ...place, head: 0 })).streamEpoch.epoch).toBe(streamEpoch.epoch);
    const [one, other] = await Promise.all([verifyStream(context, epochs, place), verifyStream(context, epochs, place)]);
    expect([one.streamEpoch.epoch === streamEpoch.epoch, other.streamEpoch.epoch === one.streamEpoch.epoch]).toEqual([false, true]);
    // What was before belongs to the one before.
    expect(one.streamEpoch.since).toBeGreaterThan(streamEpoch.marker);
  });

  it('is begun anew where somebody has written over its mark', async () => {
    const context = createNatsContext(natsSettingsOf({ connection: await nats.connect(), stream: 'broken' }));
    const epochs = createEpochs(context);
    const { streamEpoch } = await verifyStream(context, epochs, undefined);
    await context.client.publish(context.subjects.epoch, 'nonsense');
    expect((await epochs.current()).epoch).not.toBe(streamEpoch.epoch);
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
