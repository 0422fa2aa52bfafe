import { firstValueFrom, of, type Observable } from 'rxjs';
import { answerHistory } from '../../../lib/server/hub/answerHistory.js';
import type { ChannelQuery } from '../../../lib/channels/channelLog.js';
import type { ClientFlow } from '../../../lib/server/hub/clientFlow.js';
import { note } from '../../support/rooms.js';

describe('answerHistory', () => {
  it('reads no more bytes than the flow of the client has room for', async () => {
    const queries: ChannelQuery[] = [];
    const log = {
      read: (_: string, query: ChannelQuery) => {
        queries.push(query);
        return of({ epoch: 'e', last: 2, entries: [{ epoch: 'e', offset: queries.length, message: note(0) }], isComplete: true });
      },
    };
    const flow = {
      read: <T>(source: (maxBytes: number) => Observable<T>) => source(1_000 + queries.length),
      send: () => Promise.resolve(),
      wire: { room: 100 },
    } as unknown as ClientFlow;
    const answer$ = answerHistory(log, flow, { request: note('history'), channel: 'room.1', query: { limit: 2 } });
    await firstValueFrom(answer$, { defaultValue: undefined });
    expect(queries.map(({ maxBytes }) => maxBytes)).toEqual([1_000, 1_001]);
  });
});
