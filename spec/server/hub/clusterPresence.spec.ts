import { NEVER, Subject, throwError, type Observable } from 'rxjs';
import type { ClusterPresence, PresenceChange } from '../../../lib/channels/clusterPresence.js';
import { record } from '../../support/record.js';
import { rooms, turn } from '../../support/rooms.js';

const NONE: PresenceChange = { entered: [], left: [], updated: [] };

/** Other nodes, which say what we say, and what a hub has published to them. */
function otherNodes(changes$: Observable<PresenceChange> = NEVER) {
  const said$ = new Subject<PresenceChange>();
  const published: [string, PresenceChange][] = [];
  const presence: ClusterPresence = {
    publish: (channel, change) => void published.push([channel, change]),
    changes: () => (changes$ === NEVER ? said$ : changes$),
  };
  return { presence, published, said$, say: (change: Partial<PresenceChange>) => said$.next({ ...NONE, ...change }) };
}

describe('the presence of a hub with other nodes', () => {
  let town: ReturnType<typeof rooms>;
  afterEach(() => town.close());

  it('shows their members to clients and to the server', async () => {
    const { presence, say } = otherNodes();
    town = rooms({ presence, identify: () => 'ada' });
    const { room } = await town.member('room.1');
    const [client, server] = [record(room.presence$), record(town.hall.channel('room.1').presence$)];
    await client.take(1);
    say({ entered: [{ id: 'bob', info: 1 }] });
    say({ updated: [{ id: 'bob', info: 1, state: 2 }] });
    await client.take(2);
    say({ updated: [{ id: 'bob', info: 1, state: 3 }] });
    await client.take(3);
    say({ left: [{ id: 'bob' }, { id: 'stranger' }], updated: [{ id: 'stranger', state: 1 }] });
    for (const seen of [client, server]) {
      const last = (await seen.take(4))
        .slice(1)
        .map(({ entered, left, updated }) => ({ entered, left: left.map(({ id }) => id), updated }));
      expect(last).toEqual([
        { entered: [{ id: 'bob', info: 1, state: 2 }], left: [], updated: [] },
        { entered: [], left: [], updated: [{ id: 'bob', info: 1, state: 3 }] },
        { entered: [], left: ['bob'], updated: [] },
      ]);
    }
    server.subscription.unsubscribe();
  });

  it('publishes its own members once for each run, and hears a channel while it has it open', async () => {
    const { presence, published, said$ } = otherNodes();
    town = rooms({ presence, identify: () => 'ada' });
    expect(said$.observed).toBe(false);
    const first = await town.member('room.1');
    const second = await town.member('room.1');
    first.room.updatePresence({ caret: 1 });
    while (published.length < 2) await turn();
    await town.hall.channel('room.2').send({ id: '1', type: 'note', timestamp: 0, version: '1.0', source: '', payload: 0 });
    for (const { messages } of [first, second]) messages.subscription.unsubscribe();
    while (said$.observed) await turn();
    await turn();
    expect(published).toEqual([
      ['room.1', { ...NONE, entered: [{ id: 'ada' }] }],
      ['room.1', { ...NONE, updated: [{ id: 'ada', state: { caret: 1 } }] }],
      ['room.1', { ...NONE, left: [{ id: 'ada' }] }],
    ]);
  });

  it('keeps a member that is at another node, too, with its state, until both have lost it', async () => {
    const { presence, published, say } = otherNodes();
    town = rooms({ presence, identify: () => 'ada' });
    const server = record(town.hall.channel('room.1').presence$);
    say({ entered: [{ id: 'ada', state: 1 }] });
    await server.take(2);
    const { room, messages } = await town.member('room.1');
    const seen = record(room.presence$);
    expect((await seen.take(1))[0]?.members).toEqual([{ id: 'ada', state: 1 }]);
    expect(published).toEqual([['room.1', { ...NONE, entered: [{ id: 'ada', state: 1 }] }]]);
    say({ left: [{ id: 'ada' }] });
    room.updatePresence(2);
    expect((await server.take(3))[2]).toMatchObject({ left: [], updated: [{ id: 'ada', state: 2 }] });
    say({ entered: [{ id: 'ada', state: 2 }] });
    [messages, seen].forEach(({ subscription }) => subscription.unsubscribe());
    while (published.length < 3) await turn();
    expect(published[2]).toEqual(['room.1', { ...NONE, left: [{ id: 'ada' }] }]);
    expect(server.values).toHaveLength(3);
    say({ left: [{ id: 'ada' }] });
    expect((await server.take(4))[3]).toMatchObject({ members: [], left: [{ id: 'ada' }] });
    server.subscription.unsubscribe();
  });

  it('reports a failing presence, and continues with its own members', async () => {
    const failed = new Error('no presence');
    const { presence } = otherNodes(throwError(() => failed));
    const publish = (): void => {
      throw failed;
    };
    town = rooms({ presence: { ...presence, publish }, identify: () => 'ada' });
    const { room } = await town.member('room.1');
    expect((await record(room.presence$).take(1))[0]?.members).toEqual([{ id: 'ada' }]);
    const report = { code: 'ERR_CHANNEL_FAILED', part: 'presence', channel: 'room.1', cause: failed };
    expect(town.errors).toEqual([expect.objectContaining(report), expect.objectContaining(report)]);
  });
});
