import { cpSync, rmSync } from 'node:fs';
import { firstValueFrom } from 'rxjs';
import type { ChannelSettings } from '../../lib/server/hub/hubChannels.js';
import type { ChannelPosition } from '../../lib/message/channelTypes.js';
import { lmdbChannelLog, type LmdbChannelLog } from '../../lib/adapters/node/index.js';
import { folder } from '../stores/lmdb/folder.js';
import { asked, textsOf } from '../support/asked.js';
import { note, payloads, rooms } from '../support/rooms.js';

const numbers = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** A server with a log that can be backed up, restored, and restarted; its clients stay. */
function restorable(settings: ChannelSettings = {}) {
  const [path, copy] = [folder(), folder()];
  let log = lmdbChannelLog({ path });
  const town = rooms({ log });
  let run = town.hall.channel('run.1', settings);
  return {
    town,
    send: async (texts: readonly unknown[]): Promise<readonly ChannelPosition[]> => {
      const positions: ChannelPosition[] = [];
      for (const text of texts) positions.push((await run.send(note(text))) as ChannelPosition);
      return positions;
    },
    backup: (): void => cpSync(path, copy, { recursive: true }),
    /** Ends the server, does what happens to the folder, and starts it again. */
    restart(isRestored: boolean): void {
      log.close();
      if (isRestored) {
        rmSync(path, { recursive: true });
        cpSync(copy, path, { recursive: true });
      }
      log = lmdbChannelLog({ path });
      town.restart({ log });
      run = town.hall.channel('run.1', settings);
    },
    get log(): LmdbChannelLog {
      return log;
    },
    close(): void {
      town.close();
      log.close();
    },
  };
}

describe('lmdbChannelLog, restored from a backup', () => {
  it('reports a gap to each reader that is ahead of the backup, and none to the others', async () => {
    const server = restorable();
    const kept = await server.send(numbers(0, 80));
    server.backup();
    const lost = await server.send(numbers(80, 100));
    server.restart(true);
    await server.send(numbers(200, 240));

    const ahead = await server.town.member('run.1', { from: lost[9]! });
    const behind = await server.town.member('run.1', { from: kept[74]! });
    expect(payloads(await behind.messages.take(45))).toEqual([...numbers(75, 80), ...numbers(200, 240)]);
    await ahead.messages.take(120);
    expect([ahead.gaps.values.length, behind.gaps.values.length]).toEqual([1, 0]);
    server.close();
  });

  it('reports a gap to a client that was connected, which then receives what the log has', async () => {
    const server = restorable();
    const { messages, gaps } = await server.town.member('run.1', { from: 'start' });
    await server.send(numbers(0, 5));
    server.backup();
    await server.send(numbers(5, 10));
    await messages.take(10);
    server.restart(true);
    await server.send(numbers(20, 30));
    const received = payloads(await messages.take(25)).slice(10);
    expect(received).toEqual([...numbers(0, 5), ...numbers(20, 30)]);
    expect(gaps.values).toHaveLength(1);
    server.close();
  });

  it('reports a gap to a reader of a keyed channel, with all keys behind it', async () => {
    const key = ({ payload }: { readonly payload: unknown }): string => String((payload as number) % 10);
    const server = restorable({ key });
    const [kept] = await server.send(numbers(0, 5));
    server.backup();
    const [lost] = await server.send([17, 18]);
    server.restart(true);
    await server.send([26, 33]);
    const ahead = await server.town.member('run.1', { from: lost! });
    expect(payloads(await ahead.messages.take(6)).sort()).toEqual([0, 1, 2, 26, 33, 4]);
    const behind = await server.town.member('run.1', { from: kept! });
    expect(payloads(await behind.messages.take(5)).sort()).toEqual([1, 2, 26, 33, 4]);
    expect([ahead.gaps.values.length, behind.gaps.values.length]).toEqual([1, 0]);
    server.close();
  });

  it.each([
    ['had no channel yet', 'other'],
    ['was made of an empty log', undefined],
  ])('reports a gap for a channel that is newer than the backup, which %s', async (_, first) => {
    const server = restorable();
    if (first !== undefined) await firstValueFrom(server.log.append(first, note('x')));
    server.backup();
    const lost = await server.send(numbers(0, 5));
    server.restart(true);
    await server.send(numbers(10, 30));
    for (const position of lost) expect((await asked(server.log).read('run.1', position)).isComplete).toBe(false);
    server.close();
  });

  it('reports no gap after restarts without a backup: to no position, and to no client that is connected', async () => {
    const server = restorable();
    const waiting = await server.town.member('run.1', { from: 'start' });
    const count = 6;
    for (let round = 0; round < count; round++) {
      server.restart(false);
      await server.send(numbers(round * 5, round * 5 + 5));
      await waiting.messages.take(round * 5 + 5);
      const latest = await server.town.member('run.1', { from: { last: 5 } });
      expect(payloads(await latest.messages.take(5))).toEqual(numbers(round * 5, round * 5 + 5));
    }
    expect([payloads(waiting.messages.values), waiting.gaps.values]).toEqual([numbers(0, count * 5), []]);
    const { read, back, start } = asked(server.log);
    const { entries } = await start('run.1');
    expect(textsOf(entries)).toEqual(numbers(0, count * 5));
    expect(textsOf((await back('run.1', undefined, 12)).entries)).toEqual(numbers(count * 5 - 12, count * 5));
    for (const [index, entry] of entries.entries()) {
      // A join confirms the offset in front of the first message.
      for (const after of [entry, { ...entry, offset: entry.offset - 1 }]) {
        const slice = await read('run.1', after);
        expect([textsOf(slice.entries), slice.isComplete]).toEqual([numbers(after === entry ? index + 1 : index, count * 5), true]);
      }
    }
    server.close();
  });
});
