import { config, filter, firstValueFrom, map, timer } from 'rxjs';
import { channel } from '../../lib/operators/channels/channel.js';
import { hub } from '../../lib/server/hub/hub.js';
import { createMessage, type MessageOptions } from '../../lib/message/createMessage.js';
import { ChannelRefusedError, ChannelTimeoutError } from '../../lib/message/errors.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { route } from '../../lib/operators/routing/route.js';
import { ofType } from '../../lib/operators/ofType.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { pair } from '../support/sessionPair.js';

describe('A channel whose server has no hub', () => {
  it.each([
    ['handles other messages', (wire: Wire) => void wire.subscribe()],
    ['has not subscribed to the wire', () => undefined],
  ])(
    'reports that within answerTimeout in its errors$, its state$ and the errors$ of the wire, and keeps trying: the server %s',
    async (_, onServerWire) => {
      const { wire, serverWire, close } = pair({ onServerWire });
      const room = channel(wire, 'room.1', { answerTimeout: 60 });
      const [errors, states, ofWire] = [record(room.errors$), record(room.state$), record(wire.errors$)];
      const messages = record(room);
      const [error] = await errors.take(1);
      expect(error).toEqual(new ChannelTimeoutError('room.1', 60));
      expect(error).toMatchObject({ code: 'ERR_CHANNEL_TIMEOUT', channel: 'room.1', timeout: 60 });
      expect(String(error)).toContain('the server did not answer a request of the channel room.1 within 60 ms');
      expect(String(error)).toContain('It has no hub that serves this wire');
      expect(states.values.at(-1)).toEqual({ status: 'joining', error });
      expect([ofWire.values, messages.isOver()]).toEqual([[error], false]);

      hub().serve(await serverWire());
      const joined = await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
      expect(joined).toEqual({ status: 'joined', member: expect.any(String) });
      expect(errors.values).toHaveLength(1);
      close();
    },
  );

  it('rejects history with the same sentence', async () => {
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    const room = channel(wire, 'room.1', { answerTimeout: 60 });
    expect(await record(room.history()).ended).toEqual(new ChannelTimeoutError('room.1', 60));
    close();
  });

  it('is not reported while there is no connection', async () => {
    const { wire, serverWire, down, up, close } = pair({ onServerWire: (served) => hub().serve(served) });
    await serverWire();
    down();
    const room = channel(wire, 'room.1', { answerTimeout: 10 });
    const errors = record(room.errors$);
    const messages = record(room);
    // Five times as long as an answer may take.
    await firstValueFrom(wire.state$.pipe(filter(({ reconnectAttempts }) => reconnectAttempts >= 5)));
    up();
    await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
    expect([errors.values, messages.isOver()]).toEqual([[], false]);
    close();
  });
});

describe('A message for a channel whose server has no hub', () => {
  const note = (id: string, options: MessageOptions = {}): Message => createMessage('note', 'hello', { id, ...options });
  const withoutHub: [string, (wire: Wire) => unknown][] = [
    ['handles other messages', (wire) => wire.subscribe()],
    ['consumes all messages', (wire) => wire.pipe(consume(() => timer(5))).subscribe()],
    ['has a route for all messages', (wire) => wire.pipe(route({ '*': () => undefined })).subscribe()],
    ['selects other messages', (wire) => wire.pipe(ofType('note')).subscribe()],
    ['has no subscriber any more', (wire) => wire.subscribe().unsubscribe()],
  ];

  it.each(withoutHub)('is refused, and complete() fails: the server %s', async (_, onServerWire) => {
    const { wire, serverWire, close } = pair({ onServerWire });
    const room = channel(wire, 'room.1');
    const [refusals, failures, ended] = [record(room.errors$), record(wire.failures$), record(wire).ended];
    const ofServer = record((await serverWire()).errors$);
    room.next(note('n1'));
    const error = new ChannelRefusedError('room.1', 'publish', 'no-hub', 'n2');
    await expect(room.send(note('n2'))).rejects.toEqual(error);
    expect(String(error)).toContain('the server has no hub that serves this wire');
    await refusals.take(2);
    wire.complete();
    // The promise of the other one has reported it.
    expect(await ended).toMatchObject({ code: 'ERR_UNDELIVERED', count: 1, ids: ['n1'], kept: 0 });
    expect(refusals.values).toEqual(['n1', 'n2'].map((id) => new ChannelRefusedError('room.1', 'publish', 'no-hub', id)));
    expect(failures.values).toMatchObject(
      ['n1', 'n2'].map((id) => ({ id, status: 'refused', error: { remoteCode: 'ERR_CHANNEL_REFUSED', reason: 'no-hub' } })),
    );
    expect(ofServer.values).toMatchObject(['n1', 'n2'].map((id) => ({ code: 'ERR_UNHANDLED', id, type: 'channel.publish' })));
    close();
  });

  it.each<[string, (wire: Wire) => unknown]>([
    ['handles other messages', (wire) => wire.subscribe()],
    ['has no subscriber any more', (wire) => wire.subscribe().unsubscribe()],
  ])('is refused with the envelope protocol, too: the server %s', async (_, onServerWire) => {
    const { wire, serverWire, close } = pair({ client: { protocol: envelopeProtocol }, onServerWire });
    const room = channel(wire, 'room.1');
    const refusals = record(room.errors$);
    const error = new ChannelRefusedError('room.1', 'publish', 'no-hub', 'n1');
    const ofServer = record((await serverWire()).errors$);
    await expect(room.send(note('n1'))).rejects.toEqual(error);
    expect(refusals.values).toEqual([error]);
    expect(ofServer.values).toMatchObject([{ code: 'ERR_UNHANDLED', id: 'n1', type: 'channel.publish' }]);
    close();
  });

  it.each(['x'.repeat(100_000), { text: 'room.1' }, undefined])('has no answer without the valid name of a channel', async (name) => {
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    const [answers, failures] = [record(wire.pipe(ofType('channel.refused'))), record(wire.failures$)];
    wire.next(createMessage('channel.publish', { channel: name as string, message: note('n1') }, { id: 'p1' }));
    channel(wire, 'room.1').next(note('n2'));
    expect(await answers.take(1)).toMatchObject([{ payload: { channel: 'room.1' } }]);
    expect(failures.values).toMatchObject([{ id: 'p1', status: 'refused' }, { id: 'n2' }]);
    close();
  });

  it('is refused in errors$ of the channel if it is at-most-once', async () => {
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    const room = channel(wire, 'room.1');
    const refusals = record(room.errors$);
    room.next(note('n1', { delivery: 'at-most-once' }));
    expect(await refusals.take(1)).toEqual([new ChannelRefusedError('room.1', 'publish', 'no-hub', 'n1')]);
    close();
  });

  it('of a program that sees no failure is an uncaught error', async () => {
    const { wire, close } = pair({ onServerWire: (served) => void served.subscribe() });
    const uncaught = new Promise((resolve) => (config.onUnhandledError = resolve));
    channel(wire, 'room.1').next(note('n1'));
    expect(await uncaught).toMatchObject({ code: 'ERR_UNDELIVERED', ids: ['n1'], cause: { reason: 'no-hub' } });
    config.onUnhandledError = null;
    close();
  });

  it.each<[string, (wire: Wire) => unknown]>([
    ['a hub beside another subscriber', (wire) => [wire.subscribe(), hub().serve(wire)]],
    ['a hub that decides later', (wire) => hub({ authorize: () => timer(5).pipe(map(() => true)) }).serve(wire)],
    ['a subscriber of the type', (wire) => wire.pipe(ofType('channel.publish')).subscribe()],
    [
      'two subscribers of one stream of the type, one of which has left',
      (wire) => {
        const publishes$ = wire.pipe(ofType('channel.publish'));
        publishes$.subscribe();
        publishes$.subscribe().unsubscribe();
      },
    ],
    ['two hubs', (wire) => [hub(), hub()].forEach((rooms) => rooms.serve(wire))],
    ['a route for the messages of channels', (wire) => wire.pipe(route({ 'channel.*': () => undefined })).subscribe()],
  ])('is not refused if the server has %s', async (_, onServerWire) => {
    const { wire, close } = pair({ onServerWire });
    const [failures, ended] = [record(wire.failures$), record(wire).ended];
    channel(wire, 'room.1').next(note('n1'));
    channel(wire, 'room.1').next(note('n2'));
    wire.complete();
    expect(await ended).toBe('complete');
    expect(failures.values).toEqual([]);
    close();
  });
});
