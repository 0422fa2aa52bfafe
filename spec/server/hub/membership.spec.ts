import { Subject } from 'rxjs';
import { channel } from '../../../lib/operators/channels/channel.js';
import type { ChannelRequest } from '../../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../../lib/server/hub/memoryChannelLog.js';
import { ChannelRefusedError } from '../../../lib/message/errors.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { note, payloads, rooms, slowLog, turn } from '../../support/rooms.js';

const refusal = (reason: string) => new ChannelRefusedError('room.1', 'join', reason);

describe('the server', () => {
  let town: ReturnType<typeof rooms>;
  let asked: string[] = [];
  let isAllowed = false;
  const open = (options: Parameters<typeof rooms>[0] = {}): void => {
    asked = [];
    isAllowed = false;
    const authorize = ({ channel: name, action }: ChannelRequest): boolean => {
      asked.push(`${action} ${name}`);
      return isAllowed || action === 'publish';
    };
    town = rooms({ authorize, ...options });
  };
  afterEach(() => town.close());

  /** A client, and its wire on the server. */
  const connected = async (): Promise<{ client: Wire; server: Wire }> => {
    const client = town.client();
    while (town.served.length < town.clients.length) await turn();
    return { client, server: town.served.at(-1)! };
  };
  const messages = (wire: Wire) => record(wire);

  describe('puts a client into a channel', () => {
    it('is joined by the server without a request, and can leave and join again', async () => {
      open();
      const { client, server } = await connected();
      expect(town.hall.join(server, 'room.1')).toBe(true);
      const first = await town.member('room.1', {}, client);
      first.messages.subscription.unsubscribe();
      const again = await town.member('room.1', {}, client);
      again.room.next(note('hello'));
      expect(payloads(await again.messages.take(1))).toEqual(['hello']);
      expect(asked).toEqual(['publish room.1']);
      const other = await connected();
      expect(await record(channel(other.client, 'room.1')).ended).toEqual(refusal('forbidden'));
    });

    it('which the others see at once, and gets nothing before it subscribes', async () => {
      open();
      const presence = record(town.hall.channel('room.1').presence$);
      const { client, server } = await connected();
      const seen = messages(client);
      await turn();
      const before = seen.values.length;
      town.hall.join(server, 'room.1');
      town.hall.join(server, 'room.1');
      expect((await presence.take(2))[1]).toMatchObject({ entered: [{ id: server.id }], members: [{ id: server.id }] });
      await town.hall.channel('room.1').send(note(1));
      await town.hall.channel('room.1').send(createMessage('note', 'ephemeral', { delivery: 'at-most-once' }));
      await turn();
      expect(seen.values.length).toBe(before);
      const { messages: received } = await town.member('room.1', { from: 'start' }, client);
      expect(payloads(await received.take(1))).toEqual([1]);
      received.subscription.unsubscribe();
      expect((await presence.take(3))[2]).toMatchObject({ left: [{ id: server.id }], members: [] });
    });

    it('which may read its history', async () => {
      open();
      const { client, server } = await connected();
      await town.hall.channel('room.1').send(note(1));
      town.hall.join(server, 'room.1');
      const past = record(channel(client, 'room.1').history());
      expect([await past.ended, past.values.map(({ message }) => message.payload)]).toEqual(['complete', [1]]);
      expect(asked).toEqual([]);
    });

    it('leaves when its wire ends, and is authorized again on the next one', async () => {
      open();
      const presence = record(town.hall.channel('room.1').presence$);
      const { client, server } = await connected();
      town.hall.join(server, 'room.1');
      client.complete();
      expect((await presence.take(3))[2]).toMatchObject({ members: [] });
      expect(town.hall.join(server, 'room.1')).toBe(false);
      expect(() => town.hall.join(server, 'no name')).toThrow(TypeError);
    });
  });

  describe('takes a client out of a channel', () => {
    it.each([
      [undefined, 'removed'],
      ['', 'removed'],
      ['You were\n rude.', 'You were rude.'],
      ['x'.repeat(300), 'x'.repeat(256)],
    ])('with the reason %j', async (given, reason) => {
      open();
      isAllowed = true;
      const { client, server } = await connected();
      const { messages: received, states, room } = await town.member('room.1', {}, client);
      const presence = record(town.hall.channel('room.1').presence$);
      await town.hall.channel('room.1').send(note('last'));
      expect(town.hall.leave(server, 'room.1', given)).toBe(true);
      expect(await received.ended).toEqual(refusal(reason));
      expect(states.values.at(-1)).toMatchObject({ status: 'refused', error: refusal(reason) });
      expect(payloads(received.values)).toEqual(['last']);
      expect((await presence.take(2))[1]).toMatchObject({ members: [] });
      isAllowed = false;
      expect(await record(room).ended).toEqual(refusal('forbidden'));
      expect(asked).toEqual(['join room.1', 'join room.1']);
      expect(town.hall.leave(server, 'room.1')).toBe(false);
    });

    it('removes a member that the server has joined: its next join is authorized again', async () => {
      open();
      const { client, server } = await connected();
      const seen = messages(client);
      await turn();
      const before = seen.values.length;
      town.hall.join(server, 'room.1');
      expect(town.hall.leave(server, 'room.1')).toBe(true);
      await turn();
      expect(seen.values.length).toBe(before);
      expect(await record(channel(client, 'room.1')).ended).toEqual(refusal('forbidden'));
      town.hall.join(server, 'room.1');
      const { messages: received } = await town.member('room.1', {}, client);
      town.hall.leave(server, 'room.1');
      expect(await received.ended).toEqual(refusal('removed'));
    });

    it('and from no other, and no other client', async () => {
      open();
      isAllowed = true;
      const { client, server } = await connected();
      const [here, there] = [await town.member('room.1', {}, client), await town.member('room.2', {}, client)];
      const other = await town.member('room.1');
      town.hall.leave(server, 'room.1');
      await here.messages.ended;
      await town.hall.channel('room.1').send(note(1));
      await town.hall.channel('room.2').send(note(2));
      expect([await other.messages.take(1), await there.messages.take(1)].map(payloads)).toEqual([[1], [2]]);
      expect(payloads(here.messages.values)).toEqual([]);
    });

    it('while the join is being authorized', async () => {
      const answer$ = new Subject<boolean>();
      let count = 0;
      open({ authorize: () => (count++ === 0 ? answer$ : true) });
      const { client, server } = await connected();
      const refused = record(channel(client, 'room.1'));
      while (!answer$.observed) await turn();
      expect(town.hall.leave(server, 'room.1', 'Not now.')).toBe(true);
      expect(await refused.ended).toEqual(refusal('Not now.'));
      const next = town.member('room.1', {}, client);
      answer$.next(true);
      const { messages: received } = await next;
      await town.hall.channel('room.1').send(note(1));
      expect([payloads(await received.take(1)), count]).toEqual([[1], 2]);
    });

    it('while the log is read for it', async () => {
      const { log, release, isAsked } = slowLog(memoryChannelLog());
      open({ log, authorize: () => true });
      const { client, server } = await connected();
      const refused = record(channel(client, 'room.1'));
      while (!isAsked()) await turn();
      town.hall.leave(server, 'room.1');
      release();
      expect(await refused.ended).toEqual(refusal('removed'));
      const presence = record(town.hall.channel('room.1').presence$);
      expect(presence.values[0]?.members).toEqual([]);
    });

    it('without harm to a join that is on its way', async () => {
      open();
      isAllowed = true;
      const { client, server } = await connected();
      const first = await town.member('room.1', {}, client);
      town.net.down();
      first.messages.subscription.unsubscribe();
      const joining = town.member('room.1', {}, client);
      town.hall.leave(server, 'room.1');
      town.net.up();
      const { messages: received, statuses } = await joining;
      await town.hall.channel('room.1').send(note(1));
      expect(payloads(await received.take(1))).toEqual([1]);
      expect(statuses()).not.toContain('refused');
    });

    it('not, when it is not served', async () => {
      open();
      const { client, server } = await connected();
      client.unsubscribe();
      await turn();
      expect(town.hall.leave(client, 'room.1')).toBe(false);
      expect(town.hall.leave(server, 'no name')).toBe(false);
    });
  });
});
