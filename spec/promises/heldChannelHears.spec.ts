import { channel } from '../../lib/operators/channels/channel.js';
import { withChannels } from '../../lib/operators/channels/withChannels.js';
import { record } from '../support/record.js';
import { note, payloads, rooms } from '../support/rooms.js';

describe('a channel that the application holds while a thousand others are used', () => {
  let hall: ReturnType<typeof rooms> | undefined;
  afterEach(() => hall?.close());
  const start = () => {
    hall = rooms();
    return { hall, wire: withChannels(hall.client()) };
  };
  /** Uses more names than are cached. */
  const useOthers = (wire: ReturnType<typeof start>['wire']): void => {
    for (let index = 0; index < 2_001; index++) wire.channel(`other.${index}`);
  };

  it('receives the messages of a new channel of the same name', async () => {
    const { hall, wire } = start();
    const held = wire.channel('room.1');
    useOthers(wire);
    const fresh = wire.channel('room.1');
    const heard = [record(fresh), record(held)] as const;
    const sender = await hall.member('room.1');
    sender.room.next(note('one'));
    for (const { take } of heard) expect(payloads(await take(1))).toEqual(['one']);

    heard[0].subscription.unsubscribe();
    sender.room.next(note('two'));
    expect(payloads(await heard[1].take(2))).toEqual(['one', 'two']);
  });

  it('keeps its state and its gaps, which have subscribers', async () => {
    const { wire } = start();
    const held = wire.channel('room.1');
    const states = record(held.state$);
    useOthers(wire);
    const fresh = record(wire.channel('room.1'));
    await states.take(3);
    expect(states.values.map(({ status }) => status)).toEqual(['left', 'joining', 'joined']);
    fresh.subscription.unsubscribe();
    expect(states.values.at(-1)).toMatchObject({ status: 'left' });
  });

  it('is again the channel of its name, when it is the first that is used', () => {
    const { wire } = start();
    const held = wire.channel('room.1');
    useOthers(wire);
    const heard = record(held);
    expect(wire.channel('room.1')).toBe(held);
    heard.subscription.unsubscribe();
  });

  it('receives the answer to its send, though it was completed and another one has its name', async () => {
    const { wire } = start();
    const held = wire.channel('room.1');
    const answer = held.send(note('one'));
    held.complete();
    const fresh = channel(wire, 'room.1');
    const heard = record(fresh);
    expect(fresh).not.toBe(held);
    expect(await answer).toMatchObject({ offset: 1 });
    fresh.next(note('two'));
    await heard.take(1);
  });
});
