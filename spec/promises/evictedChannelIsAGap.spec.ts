import { lastValueFrom } from 'rxjs';
import { channel, type Channel } from '../../lib/operators/channels/channel.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { note, payloads, rooms } from '../support/rooms.js';

describe('the log in memory', () => {
  let town: ReturnType<typeof rooms>;
  const open = (maxIdle: number) => (town = rooms({ log: memoryChannelLog({ maxIdle }), maxChannels: 1_000 }));
  afterEach(() => town.close());

  async function leave(room: Channel, wire: Wire): Promise<void> {
    room.complete();
    // The hub handles the requests of a client in order.
    await lastValueFrom(channel(wire, 'nowhere').history(), { defaultValue: undefined });
  }

  /** A channel of two messages that a client has joined, and left after the first. */
  async function abandoned(): Promise<string> {
    const room = town.hall.channel('private');
    await room.send(note(1));
    const { wire, room: joined } = await town.member('private', { from: 'start' });
    const { position } = joined;
    await leave(joined, wire);
    await room.send(note(2));
    return position as string;
  }

  it('evicts no channel because a client reads and joins others that do not exist', async () => {
    open(10);
    const from = await abandoned();
    const wire = town.client();
    for (let count = 0; count < 50; count++) {
      const unknown = channel(wire, `unknown.${count}`);
      await lastValueFrom(unknown.history(), { defaultValue: undefined });
      const { room } = await town.member(`unknown.${count}`, {}, wire);
      await leave(room, wire);
    }
    const { gaps, messages } = await town.member('private', { from });
    expect(payloads(await messages.take(1))).toEqual([2]);
    expect(gaps.values).toEqual([]);
  });

  it.each(['a position', 'the start'])('tells a reader from %s of a gap, when others have filled it', async (place) => {
    open(10);
    const position = await abandoned();
    for (let count = 0; count < 20; count++) await town.hall.channel(`other.${count}`).send(note(count));
    const from = place === 'the start' ? 'start' : position;
    const early = await town.member('private', { from });
    expect(early.gaps.values).toMatchObject([{ reason: 'history', next: { offset: 3 } }]);
    await town.hall.channel('private').send(note(3));
    expect(payloads(await early.messages.take(1))).toEqual([3]);
    await leave(early.room, early.wire);
    const late = await town.member('private', { from });
    expect([late.gaps.values.length, payloads(await late.messages.take(1))]).toEqual([1, [3]]);
    expect(record(town.hall.list('private')).values).toMatchObject([{ last: { offset: 3 } }]);
  });
});
