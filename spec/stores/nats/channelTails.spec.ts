import { noop } from 'rxjs';
import type { ChannelHeads } from '../../../lib/stores/nats/channelHeads.js';
import { createChannelTails } from '../../../lib/stores/nats/channelTails.js';
import type { LogContext } from '../../../lib/stores/nats/logContext.js';
import type { NatsMessage } from '../../../lib/stores/nats/natsContext.js';
import { entryBytes } from '../../../lib/stores/nats/streamEntry.js';
import { record } from '../../support/record.js';
import { note } from '../../support/rooms.js';

const [OLD, NEW] = ['z000000001', 'z000000002'];

/** The tail of one channel, and a function that copies the next entry, of an epoch, to it. */
function openTail() {
  let receive: (message: NatsMessage) => void = noop;
  const log = {
    subjects: { of: (name: string) => name, liveOf: (name: string) => name },
    listen: (_: string, next: typeof receive) => {
      receive = next;
      return { unsubscribe: noop };
    },
    decode: () => [note(1)],
  };
  const tails = createChannelTails(log as unknown as LogContext, { observe: noop } as unknown as ChannelHeads, noop);
  let seq = 0;
  const copy = (epoch: string): void => {
    seq++;
    const headers = new Map([
      ['Nats-Subject', 'a'],
      ['Nats-Sequence', `${seq}`],
      ['Nats-Last-Sequence', `${seq - 1}`],
      ['Nats-Time-Stamp', '2030-01-01T00:00:00Z'],
    ]);
    receive({ headers, data: epoch === '' ? Buffer.from('x') : entryBytes(epoch, seq - 1, 'x') } as unknown as NatsMessage);
  };
  const tail = record(tails.of('a'));
  return { tails, tail, copy, epochs: () => tail.values.map(({ epoch }) => epoch) };
}

describe('the epoch of the tails', () => {
  it('is that of the first entry; an entry of a later one ends them', async () => {
    const { tails, tail, copy, epochs } = openTail();
    copy(OLD);
    copy('');
    copy(NEW);
    expect(epochs()).toEqual([OLD, OLD]);
    expect(await tail.ended).toMatchObject({ code: 'ERR_STORE', fault: 'evicted', cause: { message: 'another epoch has begun' } });
    expect(tails.all()).toEqual([]);
  });

  it('includes entries whose writer knew no later one', () => {
    const { tail, copy, epochs } = openTail();
    copy(NEW);
    copy(OLD);
    expect([epochs(), tail.isOver()]).toEqual([[NEW, NEW], false]);
  });

  it('is the one that a check has found; a late answer of an earlier check changes nothing', async () => {
    const { tails, tail, copy, epochs } = openTail();
    tails.observe(NEW);
    tails.observe(OLD);
    copy(OLD);
    expect([epochs(), tail.isOver()]).toEqual([[NEW], false]);
    tails.observe('z000000003');
    expect(await tail.ended).toBeDefined();
  });

  it('is also an earlier one that two checks have found: a server whose clock is slow has begun it', async () => {
    const { tails, tail, copy, epochs } = openTail();
    copy(NEW);
    tails.confirm(OLD, OLD);
    tails.confirm(OLD, OLD);
    tails.confirm(OLD, NEW);
    tails.confirm(NEW, NEW);
    tails.confirm(OLD, NEW);
    expect([epochs(), tail.isOver(), tails.epoch()]).toEqual([[NEW], false, NEW]);
    tails.confirm(OLD, NEW);
    expect(await tail.ended).toMatchObject({ cause: { message: 'another epoch has begun' } });
    expect(tails.epoch()).toBe(OLD);
  });

  it('is not known from the entry of another program', () => {
    const { tails, copy, epochs } = openTail();
    copy('');
    expect(epochs()).toEqual([]);
    tails.forgetEpoch();
    copy(OLD);
    expect(epochs()).toEqual([OLD]);
  });
});
