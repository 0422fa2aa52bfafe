import { defer, delay, firstValueFrom, throwError, VirtualTimeScheduler, type Observable } from 'rxjs';
import { appendOnce } from '../../../lib/server/hub/appendOnce.js';
import type { ChannelLog, ChannelQuery } from '../../../lib/channels/channelLog.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { asObservable, type MaybeAsync } from '../../../lib/message/maybeAsync.js';
import type { ChannelPosition } from '../../../lib/message/channelTypes.js';
import type { Message } from '../../../lib/message/types.js';
import { note } from '../../support/rooms.js';

/** A log that does not drop repeats itself, and counts what it is asked. */
function plainLog(wrap: <T>(answer: () => MaybeAsync<T>) => MaybeAsync<T> = (answer) => answer()) {
  const log = memoryChannelLog({ maxIdle: 100_000, maxTotalBytes: 1e9, maxBytes: 1e7 });
  const reads: ChannelQuery[] = [];
  let appended = 0;
  const plain: ChannelLog = {
    append: (channel, message) =>
      wrap(() => {
        // The log below would drop it.
        return log.append(channel, { ...message, source: `${++appended}` });
      }),
    read: (channel, query) => {
      reads.push(query);
      return wrap(() => log.read(channel, query));
    },
    tail: (channel) => log.tail(channel),
  };
  const append = appendOnce(plain, new VirtualTimeScheduler());
  return {
    log: plain,
    append,
    reads,
    appended: (): number => appended,
    add: (channel: string, message: Message): Promise<ChannelPosition> => firstValueFrom(asObservable(() => append(channel, message))),
  };
}

const later = <T>(answer: () => MaybeAsync<T>): Observable<T> => defer(() => asObservable(answer)).pipe(delay(1));

describe('appendOnce', () => {
  it.each([
    ['at once', undefined],
    ['later', later],
  ])('stores a repeat once, also while the first one is not stored yet: a log that answers %s', async (_, wrap) => {
    const { add, appended } = plainLog(wrap);
    const [first, again] = await Promise.all([add('a', note(1, 'id')), add('a', note(1, 'id'))]);
    const at = { epoch: first.epoch, offset: 1 };
    expect([first, again, await add('a', note(1, 'id'))]).toMatchObject([at, at, at]);
    expect(appended()).toBe(1);
    expect((await add('b', note(1, 'id'))).offset).toBe(1);
  });

  it('stores a message again that could not be stored', async () => {
    let isBroken = true;
    const { add } = plainLog((answer) => later(() => (isBroken ? throwError(() => new Error('full')) : answer())));
    await expect(add('a', note(1, 'id'))).rejects.toThrow('full');
    isBroken = false;
    expect(await add('a', note(1, 'id'))).toMatchObject({ offset: 1 });
  });

  it('reads the ids of a channel once, for each of 10,000 channels in turn', () => {
    const { append, reads, appended } = plainLog();
    for (let round = 0; round < 4; round++) for (let room = 0; room < 10_000; room++) append(`room.${room}`, note(round, `${round}`));
    expect([reads.length, appended()]).toEqual([10_000, 40_000]);
    for (let room = 0; room < 10_000; room += 999) append(`room.${room}`, note('again', '0'));
    expect([reads.length, appended(), reads.at(-1)?.limit]).toEqual([10_000, 40_000, 64]);
  });

  it.each([
    ['at once', undefined],
    ['later', later],
  ])('knows each of the latest 64 messages when it begins, however large: a log that answers %s', async (_, wrap) => {
    const { log, add } = plainLog(wrap);
    const positions: ChannelPosition[] = [];
    for (let count = 1; count <= 70; count++) positions.push(await add('a', note('x'.repeat(60_000), `n${count}`)));
    const append = appendOnce(log, new VirtualTimeScheduler(), {});
    const again = (count: number): Promise<ChannelPosition> =>
      firstValueFrom(asObservable(() => append('a', { ...note('again', `n${count}`), source: `${count}` })));
    for (let count = 7; count <= 70; count++) expect((await again(count)).offset).toBe(positions[count - 1]?.offset);
  });

  it('reads no more than the latest 64 ids of a channel that it has forgotten, when there are more', () => {
    const { append, reads } = plainLog();
    for (let room = 0; room <= 10_000; room++) append(`room.${room}`, note('first', '1'));
    append('room.0', note('again', '2'));
    expect(reads.slice(10_001).map(({ limit }) => limit)).toEqual([64]);
  });
});
