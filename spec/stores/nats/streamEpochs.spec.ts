import { firstValueFrom } from 'rxjs';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import { createLogContext, logSettingsOf } from '../../../lib/stores/nats/logContext.js';
import { createNatsContext } from '../../../lib/stores/nats/natsContext.js';
import { createEpochs, laterEpoch, parseEpoch } from '../../../lib/stores/nats/streamEpochs.js';
import { natsChannelLog } from '../../../lib/stores/nats/index.js';
import type { NatsStream } from '../../../lib/stores/nats/natsStream.js';
import { describeWith } from '../../support/debian.js';
import { startNats, type Nats } from '../../support/nats.js';

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
    const log = createLogContext(createNatsContext(logSettingsOf({ connection: await nats.connect(), stream })));
    return { log, epochs: log.epochs };
  };

  it('is another one when the stream has lost its end; and one server says so', async () => {
    const { log, epochs } = await epochsOf('short');
    const other = createEpochs(log, log.stream, log.subjects.epoch, log.subjects.channels);
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
    const { log, epochs } = await epochsOf('late');
    const before = await epochs.current();
    epochs.observe(before.marker + 1, before.epoch);
    const verified = epochs.verify();
    await log.client.publish(log.subjects.of('a'), '');
    expect((await verified).epoch).toBe(before.epoch);
  });

  it('is the same while the stream grows during each request for its end', async () => {
    const { log } = await epochsOf('busy');
    const before = await log.epochs.current();
    const info: NatsStream['info'] = async (query) => {
      const answer = await log.stream.info(query);
      // This server appends while the answer is under way.
      epochs.observe((await log.client.publish(log.subjects.of('a'), 'x')).seq, before.epoch);
      return answer;
    };
    const epochs = createEpochs(log, { ...log.stream, info }, log.subjects.epoch, log.subjects.channels);
    await epochs.current();
    expect((await epochs.verify()).epoch).toBe(before.epoch);
  });

  it('starts again when its mark was overwritten', async () => {
    const { log, epochs } = await epochsOf('broken');
    const before = await epochs.current();
    await log.client.publish(log.subjects.epoch, 'nonsense');
    expect((await epochs.current()).epoch).not.toBe(before.epoch);
  });
});

it('an epoch is later than the one before, whatever the clock says', () => {
  const first = laterEpoch('', 1_700_000_000_000);
  expect(parseEpoch(`${first} 0`, 7, 0)?.epoch).toBe(first);
  const epochs = [laterEpoch(first, 1_700_000_000_001), laterEpoch(first, 1_700_000_000_000), laterEpoch(first, 0)];
  expect(epochs.every((epoch) => epoch > first)).toBe(true);
  // An earlier version has written a random one.
  expect(laterEpoch('Xk_3-yz901', 1_700_000_000_000) > 'Xk_3-yz901').toBe(true);
});

describe('the mark of an epoch', () => {
  it.each(['', 'short 0', '0123456789', '0123456789 -1', '0123456789 1e3', '0123456789 1 2'])('is not %j', (text) => {
    expect(parseEpoch(text, 7, 0)).toBeUndefined();
  });

  it('says where its epoch has begun, unless that is here', () => {
    expect([parseEpoch('0123456789 3', 7, 0)?.since, parseEpoch('0123456789 0', 7, 0)?.since]).toEqual([3, 7]);
  });
});
