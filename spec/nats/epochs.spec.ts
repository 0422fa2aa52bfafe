import { firstValueFrom } from 'rxjs';
import { asObservable } from '../../lib/internal/later.js';
import { createBroker } from '../../lib/nats/broker.js';
import { createEpochs, eraOf } from '../../lib/nats/epochs.js';
import { natsChannelLog } from '../../lib/nats/index.js';
import { settingsOf } from '../../lib/nats/options.js';
import { settle } from '../../lib/nats/settle.js';
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
    const broker = createBroker(settingsOf({ connection: await nats.connect(), stream: 'short' }));
    const epochs = createEpochs(broker);
    const { era, last } = await settle(broker, epochs, undefined);
    const place = { era, head: last + 1_000, bytes: 0 };
    expect((await settle(broker, epochs, { ...place, head: 0 })).era.epoch).toBe(era.epoch);
    const [one, other] = await Promise.all([settle(broker, epochs, place), settle(broker, epochs, place)]);
    expect([one.era.epoch === era.epoch, other.era.epoch === one.era.epoch]).toEqual([false, true]);
    // What was before belongs to the one before.
    expect(one.era.since).toBeGreaterThan(era.mark);
  });

  it('is begun anew where somebody has written over its mark', async () => {
    const broker = createBroker(settingsOf({ connection: await nats.connect(), stream: 'broken' }));
    const epochs = createEpochs(broker);
    const { era } = await settle(broker, epochs, undefined);
    await broker.client.publish(broker.subjects.epoch, 'nonsense');
    expect((await epochs.current()).epoch).not.toBe(era.epoch);
  });
});

describe('the mark of an epoch', () => {
  it.each(['', 'short 0', '0123456789', '0123456789 -1', '0123456789 1e3', '0123456789 1 2'])('is not %j', (text) => {
    expect(eraOf(text, 7, 0)).toBeUndefined();
  });

  it('says where its epoch has begun, unless that is here', () => {
    expect([eraOf('0123456789 3', 7, 0)?.since, eraOf('0123456789 0', 7, 0)?.since]).toEqual([3, 7]);
  });
});
