import { EMPTY, Subject, throwError } from 'rxjs';
import { messageState } from '../../lib/operators/sending/messageState.js';
import { channel } from '../../lib/operators/channels/channel.js';
import { hub } from '../../lib/server/hub/hub.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { connect } from '../../lib/wire/connect.js';
import type { Authorize } from '../../lib/server/hub/hubOptions.js';
import { memoryChannelLog } from '../../lib/server/hub/memoryChannelLog.js';
import { ChannelRefusedError, type RxwireError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { ofType } from '../../lib/operators/ofType.js';
import { record } from '../support/record.js';
import { note, payloads, rooms, slowLog, turn } from '../support/rooms.js';
import { network } from '../support/sessionPair.js';
import { wireServer } from '../support/wireServer.js';

const refused = (action: 'join' | 'publish', reason: string, id?: string) => new ChannelRefusedError('room.1', action, reason, id);
const onlyJoin =
  (answer: ReturnType<Authorize>): Authorize =>
  ({ action }) =>
    action === 'join' || answer;

describe('channel.send', () => {
  let town: ReturnType<typeof rooms>;
  const open = (...options: Parameters<typeof rooms>) => (town = rooms(...options));
  afterEach(() => town.close());

  it('resolves with the position of the message in the history', async () => {
    const log = memoryChannelLog();
    open({ log });
    const room = channel(town.client(), 'room.1');
    const first = await room.send(note('one', 'n1'));
    const second = await room.send(note('two', 'n2'));
    const { epoch, entries } = log.read('room.1', { limit: 10 }) as {
      epoch: string;
      entries: readonly { offset: number; message: { id: string } }[];
    };
    expect([first, second]).toEqual([
      { epoch, offset: 1 },
      { epoch, offset: 2 },
    ]);
    expect(entries.map(({ offset, message: { id } }) => [offset, id])).toEqual([
      [1, 'n1'],
      [2, 'n2'],
    ]);
  });

  it.each<readonly [string, ReturnType<Authorize>, string]>([
    ['false', false, 'forbidden'],
    ['a reason', { reason: 'Only moderators may write here.' }, 'Only moderators may write here.'],
    ['a promise of a reason', Promise.resolve({ reason: 'You are muted until noon.' }), 'You are muted until noon.'],
    ['nothing', EMPTY, 'forbidden'],
    ['an error', throwError(() => new Error('the database is down')), 'forbidden'],
    ['an empty reason', { reason: '' }, 'forbidden'],
    ['a reason that is no text', { reason: 42 } as never, 'forbidden'],
    ['a reason with control characters', { reason: 'no\u0007\r\nway\u009b' }, 'noway'],
    ['a reason that is too long', { reason: 'x'.repeat(1_000) }, 'x'.repeat(256)],
  ])('rejects with the reason of authorize, when that answers with %s', async (_, answer, reason) => {
    open({ authorize: onlyJoin(answer) });
    const { room, faults, messages } = await town.member('room.1');
    await expect(room.send(note('no', 'n1'))).rejects.toEqual(refused('publish', reason, 'n1'));
    expect(faults.values).toEqual([refused('publish', reason, 'n1')]);
    expect(messages.values).toEqual([]);
  });

  it('gives a refused join the reason of authorize, too', async () => {
    open({ authorize: () => ({ reason: 'This room is for members.' }) });
    const room = channel(town.client(), 'room.1');
    const [states, errors] = [record(room.state$), record(room.errors$)];
    const error = refused('join', 'This room is for members.');
    expect(await record(room).ended).toEqual(error);
    expect([states.values.at(-1), errors.values]).toEqual([{ status: 'refused', error }, [error]]);
  });

  it('rejects when the message is too large, or the log fails', async () => {
    open({ maxSize: 1_000, log: { ...memoryChannelLog(), append: () => throwError(() => new Error('the disk is full')) } });
    const room = channel(town.client(), 'room.1');
    await expect(room.send(note('x'.repeat(1_000), 'n1'))).rejects.toEqual(refused('publish', 'too-large', 'n1'));
    await expect(room.send(note('small', 'n2'))).rejects.toEqual(refused('publish', 'failed', 'n2'));
  });

  it('rejects when the hub cannot read the message', async () => {
    open();
    const room = channel(town.client(), 'room.1');
    await expect(room.send({ ...note('no', 'n1'), type: '' })).rejects.toEqual(refused('publish', 'invalid', 'n1'));
    expect(town.errors).toMatchObject([{ code: 'ERR_INVALID_MESSAGE' }]);
  });

  it('settles in the order of publishing, and not before the log has the message', async () => {
    const { log, release, isAsked } = slowLog(memoryChannelLog());
    open({ log });
    const room = channel(town.client(), 'room.1');
    const settled: string[] = [];
    const sent = ['n1', 'n2'].map((id) => room.send(note(id, id)).then(() => settled.push(id)));
    while (!isAsked()) await turn();
    await turn();
    expect(settled).toEqual([]);
    release();
    await sent[0];
    expect(settled).toEqual(['n1']);
    while (!isAsked()) await turn();
    release();
    await sent[1];
    expect(settled).toEqual(['n1', 'n2']);
  });

  it('receives its answer over a later connection, and appends the message once', async () => {
    const { log, release, isAsked } = slowLog(memoryChannelLog());
    open({ log });
    const room = channel(town.client(), 'room.1');
    const sent = room.send(note('once', 'n1'));
    while (!isAsked()) await turn();
    town.net.down();
    release();
    await turn();
    town.net.up();
    expect(await sent).toMatchObject({ offset: 1 });
    const next = room.send(note('next'));
    while (!isAsked()) await turn();
    release();
    expect(await next).toMatchObject({ offset: 2 });
    expect(town.net.opened()).toBe(2);
  });

  it('resolves without a position for an at-most-once message, and rejects when that is refused', async () => {
    let isAllowed = true;
    open({ authorize: () => isAllowed || { reason: 'Quiet, please.' } });
    const ben = await town.member('room.1');
    const room = channel(town.client(), 'room.1');
    expect(await room.send(createMessage('note', 'typing', { delivery: 'at-most-once' }))).toBeUndefined();
    expect(payloads(await ben.messages.take(1))).toEqual(['typing']);
    isAllowed = false;
    const denied = room.send(createMessage('note', 'typing', { delivery: 'at-most-once', id: 't2' }));
    await expect(denied).rejects.toEqual(refused('publish', 'Quiet, please.', 't2'));
  });

  it('rejects when the message is given up', async () => {
    open();
    const wire = town.client({ maxQueued: 1 });
    const room = channel(wire, 'room.1');
    town.net.down();
    await turn();
    const sent = ['n1', 'n2', 'n3'].map((id) => room.send(note(id, id)).catch((error: unknown) => (error as RxwireError).code));
    expect(await sent[0]).toBe('ERR_DROPPED');
    wire.unsubscribe();
    expect(await Promise.all(sent.slice(1))).toEqual(expect.arrayContaining(['ERR_WIRE_CLOSED']));
  });

  it('rejects when the wire ends, with the error of the wire if that has failed', async () => {
    const { log, isAsked } = slowLog(memoryChannelLog());
    open({ log });
    const [one, two] = [town.client(), town.client()];
    const sent = [one, two].map((wire, index) =>
      channel(wire, 'room.1')
        .send(note(index))
        .catch((error: unknown) => error),
    );
    while (!isAsked()) await turn();
    one.unsubscribe();
    const error = refused('join', 'any');
    two.error(error);
    expect(await sent[0]).toMatchObject({ code: 'ERR_WIRE_CLOSED' });
    expect(await sent[1]).toBe(error);
    await expect(channel(one, 'room.1').send(note('late'))).rejects.toMatchObject({ code: 'ERR_WIRE_CLOSED' });
    await expect(channel(one, 'room.2').send(note('late'))).rejects.toMatchObject({ code: 'ERR_WIRE_CLOSED' });
  });

  it('rejects when the server acks the message and does not answer in time', async () => {
    open();
    const net = network();
    const serving = net.serve({}, (wire) => wire.pipe(ofType('channel.publish')).subscribe());
    const wire = net.connect();
    const room = channel(wire, 'room.1', { answerTimeout: 20 });
    await expect(room.send(note('hello', 'n1'))).rejects.toMatchObject({ code: 'ERR_CHANNEL_TIMEOUT', channel: 'room.1', timeout: 20 });
    wire.unsubscribe();
    serving.unsubscribe();
  });

  it.each([0, 500])('resolves before the end of a wire that is completed at once, behind %s messages of next', async (count) => {
    const hall = hub();
    const server = await wireServer((wire) => hall.serve(wire));
    const wire = connect({ link: webSocket(server.url) });
    const room = channel(wire, 'room.1');
    const { ended } = record(wire);
    for (let i = 0; i < count; i++) room.next(note(i));
    const sent = Promise.all(Array.from({ length: 500 }, (_, i) => room.send(note(i))));
    wire.complete();
    expect((await sent).map((position) => position?.offset)).toEqual(Array.from({ length: 500 }, (_, i) => count + i + 1));
    expect(await ended).toBe('complete');
    await server.close();
  });

  it('does not delay the end of a wire if the hub refuses the message', async () => {
    open({ authorize: onlyJoin(false) });
    const wire = town.client({ drainTimeout: 60_000 });
    const { ended } = record(wire);
    const sent = channel(wire, 'room.1').send(note('no', 'n1'));
    wire.complete();
    await expect(sent).rejects.toEqual(refused('publish', 'forbidden', 'n1'));
    expect(await ended).toBe('complete');
  });

  it.each([
    ['drainTimeout', { drainTimeout: 20 }, {}, 'ERR_WIRE_CLOSED'],
    ['answerTimeout', { drainTimeout: 60_000 }, { answerTimeout: 20 }, 'ERR_CHANNEL_TIMEOUT'],
  ])(
    'delays the end of a wire by %s at most, and rejects then',
    async (_, client, options, code) => {
      const net = network();
      const serving = net.serve({}, (wire) => wire.pipe(ofType('channel.publish')).subscribe());
      const wire = net.connect(client);
      const { ended } = record(wire);
      const sent = channel(wire, 'room.1', options).send(note('hello', 'n1'));
      wire.complete();
      await expect(sent).rejects.toMatchObject({ code });
      expect(await ended).toBe('complete');
      serving.unsubscribe();
    },
    3_000,
  );

  it('costs nothing more for next: the hub answers only on request', async () => {
    open();
    const { wire, room, messages } = await town.member('room.1');
    const received = record(wire);
    room.next(note('hello'));
    await messages.take(1);
    await room.send(note('answered'));
    expect(received.values.map(({ type }) => type)).toEqual(['channel.message', 'channel.message', 'channel.published']);
  });

  it('resolves for the server, too, and rejects when the log fails', async () => {
    open();
    expect(await town.hall.channel('room.1').send(note('hello'))).toMatchObject({ offset: 1 });
    expect(await town.hall.channel('room.1').send(createMessage('note', 'typing', { delivery: 'at-most-once' }))).toBeUndefined();
    town.restart({ log: { ...memoryChannelLog(), append: () => { throw new Error('full'); } } }); // prettier-ignore
    await expect(town.hall.channel('room.1').send(note('no'))).rejects.toMatchObject({ code: 'ERR_CHANNEL_FAILED', part: 'log' });
    expect(town.errors).toMatchObject([{ code: 'ERR_CHANNEL_FAILED' }]);
  });

  it('does not end the process when its rejection is not handled', async () => {
    open({ authorize: onlyJoin(false) });
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): number => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const { room, faults } = await town.member('room.1');
    void room.send(note('no'));
    await faults.take(1);
    await turn();
    await turn();
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  it('refuses by next as before: the reason is in errors$', async () => {
    open({ authorize: onlyJoin({ reason: 'Only moderators may write here.' }) });
    const { room, faults } = await town.member('room.1');
    room.next(note('no', 'n1'));
    expect(await faults.take(1)).toEqual([refused('publish', 'Only moderators may write here.', 'n1')]);
  });

  it.each(['next', 'send'] as const)('ends the receipt of a refused publish with refused, by %s', async (method) => {
    open({ authorize: onlyJoin(Promise.resolve({ reason: 'Only moderators may write here.' })) });
    const wire = town.client();
    const room = channel(wire, 'room.1');
    const receipts = record(messageState(wire, 'n1'));
    void room[method](note('no', 'n1'));
    expect(await receipts.ended).toBe('complete');
    expect(receipts.values.map(({ status }) => status)).toEqual(['queued', 'sent', 'refused']);
    expect(receipts.values.at(-1)?.error).toMatchObject({
      code: 'ERR_REFUSED',
      id: 'n1',
      remoteCode: 'ERR_CHANNEL_REFUSED',
      reason: 'Only moderators may write here.',
    });
  });

  it('acks a publish only when authorize and the log have decided', async () => {
    const decisions: Subject<boolean>[] = [];
    open({
      authorize: () => {
        decisions.push(new Subject());
        return decisions.at(-1)!;
      },
    });
    const wire = town.client();
    const room = channel(wire, 'room.1');
    const receipts = record(messageState(wire, 'n1'));
    room.next(note('first', 'n1'));
    room.next(note('second', 'n2'));
    while (decisions.length === 0) await turn();
    await turn();
    expect(receipts.values.map(({ status }) => status)).toEqual(['queued', 'sent']);
    decisions[0]!.next(true);
    expect((await receipts.take(3))[2]).toMatchObject({ id: 'n1', status: 'acked' });
    decisions[1]!.next(true);
  });
});
