import { Readable } from 'node:stream';
import { from, NEVER, Observable, Subject, throwError, concat, of, map } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import type { ChannelLog } from '../../../lib/channels/channelLog.js';
import { publishAll, publishTo } from '../../../lib/operators/sending/publishTo.js';
import { ChannelEndedError, OverflowError } from '../../../lib/message/errors.js';
import { asObservable } from '../../../lib/message/maybeAsync.js';
import type { Message } from '../../../lib/message/types.js';
import { record } from '../../support/record.js';
import { note, payloads, rooms, turn } from '../../support/rooms.js';

const notes = (count: number): readonly Message[] => Array.from({ length: count }, (_, index) => note(index + 1));
const offsets = (positions: readonly ({ readonly offset: number } | undefined)[]) => positions.map((position) => position?.offset);

/** A log that answers when it is told to. */
function heldLog() {
  const held: Subject<void>[] = [];
  const log = memoryChannelLog();
  const append: ChannelLog['append'] = (name, message) => {
    const release = new Subject<void>();
    held.push(release);
    return release.pipe(map(() => log.append(name, message) as { readonly epoch: string; readonly offset: number }));
  };
  return { log: { ...log, append }, held, release: () => held.shift()?.next() };
}

describe('publishTo', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>): void => void (town = rooms(...options));
  afterEach(() => town.close());

  it.each(['client', 'server'] as const)('publishes all, and ends the channel when the source completes: on the %s', async (side) => {
    open({ authorize: () => true });
    const run = side === 'client' ? channel(town.client(), 'run.1') : town.hall.channel('run.1');
    const positions = record(from(notes(900)).pipe(publishTo(run)));
    expect(await positions.ended).toBe('complete');
    expect(offsets(positions.values)).toEqual(notes(900).map(({ payload }) => payload));
    const reader = record(channel(town.client(), 'run.1', { from: 'start' }));
    expect([await reader.ended, payloads(reader.values)]).toEqual(['complete', payloads(notes(900))]);
  });

  it('ends the channel with a reason when the source fails, behind all messages', async () => {
    open();
    const boom = new Error('boom');
    const source = concat(
      of(note(1), note(2)),
      throwError(() => boom),
    );
    expect(await record(source.pipe(publishTo(town.hall.channel('run.1')))).ended).toBe(boom);
    const reader = record(channel(town.client(), 'run.1', { from: 'start' }));
    expect(await reader.ended).toEqual(new ChannelEndedError('run.1', { status: 'failed', reason: 'boom' }));
    expect(payloads(reader.values)).toEqual([1, 2]);
  });

  it('reads a stream only as fast as the log confirms', async () => {
    const { log, held, release } = heldLog();
    open({ log });
    let read = 0;
    const readable = Readable.from(
      (function* () {
        for (const message of notes(100)) {
          read++;
          yield message;
        }
      })(),
    );
    const positions = record(publishAll(town.hall.channel('run.1'), readable, { ahead: 3 }));
    const settle = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) await turn();
    };
    await settle();
    expect([held.length, read < 25]).toEqual([3, true]);
    release();
    await settle();
    expect([held.length, offsets(positions.values)]).toEqual([3, [1]]);
    positions.subscription.unsubscribe();
    await settle();
    expect(readable.destroyed).toBe(true);
    // The channel goes on: another writer may continue.
    expect(await firstEnd(log)).toBeUndefined();
  });

  it('does not end the channel when it is unsubscribed', async () => {
    open();
    const writing = record(concat(of(note(1)), NEVER).pipe(publishTo(town.hall.channel('run.1'))));
    await writing.take(1);
    writing.subscription.unsubscribe();
    await town.hall.channel('run.1').send(note(2));
    const { messages } = await town.member('run.1', { from: 'start' });
    expect(payloads(await messages.take(2))).toEqual([1, 2]);
  });

  it('ends the channel as failed when an Observable is faster than the log for long, and leaves no hole', async () => {
    const { log, held, release } = heldLog();
    open({ log });
    const source = new Subject<Message>();
    const positions = record(source.pipe(publishTo(town.hall.channel('run.1'), { ahead: 2, maxBuffered: 3 })));
    for (const message of notes(8)) source.next(message);
    expect([held.length, source.observed]).toEqual([2, false]);
    release();
    release();
    await turn();
    // The end itself.
    release();
    expect(await positions.ended).toEqual(new OverflowError('messages that wait to be sent', 3));
    const reader = record(channel(town.client(), 'run.1', { from: 'start' }));
    expect(await reader.ended).toMatchObject({ status: 'failed' });
    expect(payloads(reader.values)).toEqual([1, 2]);
  });

  it('fails with the error of the first message that is not published, and stops the source', async () => {
    open({ authorize: ({ message }) => message?.payload !== 2 || { reason: 'no twos' } });
    let isStopped = false;
    const source = new Observable<Message>((to) => {
      for (const message of notes(3)) to.next(message);
      return () => void (isStopped = true);
    });
    const positions = record(source.pipe(publishTo(channel(town.client(), 'run.1'))));
    expect(await positions.ended).toMatchObject({ code: 'ERR_CHANNEL_REFUSED', reason: 'no twos' });
    expect(isStopped).toBe(true);
  });

  it('refuses numbers that are out of range when called', () => {
    open();
    expect(() => publishTo(town.hall.channel('a'), { ahead: 0 })).toThrow(RangeError);
  });
});

async function firstEnd(log: ChannelLog): Promise<unknown> {
  const slice = await record(asObservable(() => log.read('run.1', { limit: 0 }))).take(1);
  return slice[0]?.end;
}
