import { channel } from '../../lib/operators/channels/channel.js';
import type { Authorize, HubOptions } from '../../lib/server/hub/hubOptions.js';
import { publishAll } from '../../lib/operators/sending/publishTo.js';
import { ChannelRefusedError } from '../../lib/message/errors.js';
import { record } from '../support/record.js';
import { note, payloads, rooms } from '../support/rooms.js';

const refused = (reason: string) => expect.objectContaining({ code: 'ERR_CHANNEL_REFUSED', action: 'end', reason }) as unknown;

describe('a client', () => {
  let town: ReturnType<typeof rooms>;
  const open = (options?: HubOptions): void => void (town = rooms(options));
  afterEach(() => town.close());

  it.each<readonly [string, Authorize | undefined, string]>([
    ['without authorize', undefined, 'forbidden'],
    ['when authorize allows other actions only', ({ action }) => action === 'join' || action === 'publish', 'forbidden'],
    ['when authorize denies messages', ({ action }) => action !== 'publish', 'forbidden'],
    ['when authorize gives a reason', ({ action }) => action !== 'end' || { reason: 'The host ends the game.' }, 'The host ends the game.'],
  ])('does not end a channel: %s', async (_, authorize, reason) => {
    open({ ...(authorize && { authorize }) });
    const { messages, wire } = await town.member('room.1');
    const room = channel(wire, 'room.1');
    const faults = record(room.errors$);
    const failure = await room.end('bye').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ChannelRefusedError);
    expect([failure, ...faults.values]).toEqual([refused(reason), refused(reason)]);
    await town.hall.channel('room.1').send(note('after'));
    expect(payloads(await messages.take(1))).toEqual(['after']);
  });

  it('learns of it from publishAll, behind its messages', async () => {
    open();
    const published = record(publishAll(channel(town.client(), 'room.1'), [note(1), note(2)]));
    expect(await published.ended).toEqual(refused('forbidden'));
    expect(published.values.map((position) => position?.offset)).toEqual([1, 2]);
  });

  it('ends a channel when authorize allows that, which is asked for both, with the end', async () => {
    const asked: unknown[] = [];
    open({ authorize: ({ action, message }) => asked.push([action, message?.type]) > 0 });
    const { messages, wire } = await town.member('room.1');
    await channel(wire, 'room.1').end();
    expect(await messages.ended).toBe('complete');
    const asks = ['publish', 'end'].map((action) => [action, 'channel.ended']);
    expect(asked).toEqual([['join', undefined], ...asks]);
    await expect(channel(wire, 'room.1').end()).rejects.toEqual(refused('ended'));
  });

  it('leaves the end to the server', async () => {
    open();
    const { messages } = await town.member('room.1');
    await town.hall.channel('room.1').end();
    expect(await messages.ended).toBe('complete');
  });
});
