import { firstValueFrom } from 'rxjs';
import { channel } from '../../lib/operators/channels/channel.js';
import type { ChannelEntry, ChannelLog } from '../../lib/channels/channelLog.js';
import { hub } from '../../lib/server/hub/hub.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { asObservable, chain } from '../../lib/message/maybeAsync.js';
import type { ChannelPosition } from '../../lib/message/channelTypes.js';
import type { Message } from '../../lib/message/types.js';
import { lmdbChannelLog } from '../../lib/adapters/node/index.js';
import { folder } from '../stores/lmdb/folder.js';
import { asked } from '../support/asked.js';
import { record } from '../support/record.js';
import { note, payloads, rooms } from '../support/rooms.js';

/** 7 of them fill a block. */
const PADDING = 'x'.repeat(10_000);
const join = (messages: readonly Message[]): Message => note(messages.map(({ payload }) => payload).join(''));
const numbered = (index: number): string => `${index};${PADDING}`;

/** A log whose offsets rise by 10, as a log of the user may have it. */
function sparse(log: ChannelLog): ChannelLog {
  const up = <T extends ChannelPosition>(entry: T): T => ({ ...entry, offset: entry.offset * 10 });
  const down = ({ epoch, offset }: ChannelPosition): ChannelPosition => ({ epoch, offset: Math.floor(offset / 10) });
  return {
    ...log,
    append: (name, message) => chain(log.append(name, message), up),
    read: (name, { after, before, limit }) =>
      chain(
        log.read(name, { after: typeof after === 'object' ? down(after) : after, before: before && down(before), limit }),
        ({ entries, last, end, ...slice }) => ({
          ...slice,
          last: last * 10,
          entries: entries.map(({ first, ...entry }) => ({ ...up(entry), ...(first !== undefined && { first: first * 10 }) })),
          ...(end && { end: up(end) }),
        }),
      ),
    compact: (name, entry) => log.compact?.(name, { ...entry, ...down(entry), first: entry.first / 10 }),
  };
}

const LIMITS = { maxMessages: 1_000, maxBytes: 10_000_000 };
const LOGS: readonly [name: string, open: () => ChannelLog][] = [
  ['memoryChannelLog', () => memoryChannelLog(LIMITS)],
  ['lmdbChannelLog', () => lmdbChannelLog({ path: folder() })],
  ['a log whose offsets have holes', () => sparse(memoryChannelLog(LIMITS))],
];

describe.each(LOGS)('`compact` beside another writer on %s', (_, open) => {
  it('replaces only what it has joined: a late reader gets each message of both writers once, in order', async () => {
    const log = open();
    const town = rooms({ log });
    const run = town.hall.channel('run.1', { compact: join });
    const expected: string[] = [];
    for (let index = 0; index < 110; index++) {
      expected.push(numbered(index));
      if (index % 2) await run.send(note(numbered(index)));
      else await firstValueFrom(asObservable(() => log.append('run.1', note(numbered(index)))));
    }
    await run.end();
    const late = record(channel(town.client(), 'run.1', { from: 'start' }));
    const { gaps$ } = channel(town.clients[0]!, 'run.1');
    const gaps = record(gaps$);
    await late.ended;
    expect(payloads(late.values).join('').split(PADDING)).toEqual(expected.join('').split(PADDING));
    expect(gaps.values).toEqual([]);
    // The messages are joined: nothing would be lost without that.
    expect(late.values.length).toBeLessThan(30);
    town.close();
  });

  it('joins what two hubs write, each message once, from each position', async () => {
    const log = open();
    const hubs = [hub({ log }), hub({ log })].map((one) => one.channel('run.1', { compact: join }));
    const texts = Array.from({ length: 60 }, (_, index) => numbered(index));
    for (const [index, text] of texts.entries()) await hubs[index % 3 ? 1 : 0]!.send(note(text));
    const { back, start, read } = asked(log);
    const entries: ChannelEntry[] = [];
    let past = await back('run.1');
    // A log returns pages: the reader continues behind the last entry.
    const before = { epoch: past.epoch, offset: past.last + 10 };
    while (past.entries.length > 0) {
      entries.push(...past.entries);
      past = await firstValueFrom(asObservable(() => log.read('run.1', { after: entries.at(-1), before, limit: 1_000 })));
    }
    expect(payloads(entries.map(({ message }) => message))).toEqual(texts);
    for (const [index, entry] of [undefined, ...entries].entries()) {
      const found: Message[] = [];
      let slice = await (entry ? read('run.1', entry) : start('run.1'));
      while (slice.entries.length > 0) {
        expect(slice.isComplete).toBe(true);
        found.push(...slice.entries.map(({ message }) => message));
        slice = await read('run.1', slice.entries.at(-1));
      }
      expect(payloads(found).join('')).toBe(texts.slice(index).join(''));
      if (index === 0) expect(found.length).toBeLessThan(20);
    }
  });
});
