import { delay, filter, firstValueFrom, of, share, timeout, timer } from 'rxjs';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { consume } from '../../../lib/operators/consume/consume.js';
import { ofType } from '../../../lib/operators/ofType.js';
import { reply } from '../../../lib/operators/requests/reply.js';
import { request } from '../../../lib/operators/requests/request.js';
import { createRouter, route } from '../../../lib/operators/routing/route.js';
import { hub } from '../../../lib/server/hub/hub.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { pair } from '../../support/sessionPair.js';

const ask = (type = 'ask'): Message => createMessage<string, unknown>(type, null);
const answer = (wire: Wire, { id }: Message): void =>
  void setTimeout(() => wire.next({ ...ask('reply.last'), payload: 7, correlationId: id }), 5);
const unhandled = { code: 'ERR_UNHANDLED', type: 'ask' };

describe('whenUnanswered', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  function served(onServerWire: (wire: Wire) => unknown) {
    const made = pair({ onServerWire: (wire) => void onServerWire(wire) });
    cleanups.push(made.close);
    return made;
  }
  const answerOf = (wire: Wire): Promise<unknown> =>
    firstValueFrom(request(wire, ask()).pipe(timeout({ first: 300, with: () => of('no answer') }))).catch((error: unknown) => error);

  it.each<[string, (wire: Wire) => unknown]>([
    ['a reply of other types', (wire) => wire.pipe(reply({ other: () => 1 })).subscribe(wire)],
    [
      'two replies of other types',
      (wire) => {
        wire.pipe(reply({ other: () => 1 })).subscribe(wire);
        wire.pipe(reply({ more: () => 1 })).subscribe(wire);
      },
    ],
    ['a route of other types', (wire) => wire.pipe(route({ 'other.*': () => 1 })).subscribe()],
    ['subscribers of other types', (wire) => wire.pipe(ofType('other')).subscribe()],
    ['a hub', (wire) => hub().serve(wire)],
    ['no subscriber any more', (wire) => wire.subscribe().unsubscribe()],
  ])('refuses a request at once, at a server with %s', async (_, onWire) => {
    const { wire } = served(onWire);
    expect(await answerOf(wire)).toMatchObject(unhandled);
  });

  it.each<[string, (wire: Wire) => unknown]>([
    [
      'a subscriber that answers by hand',
      (wire) => {
        wire.pipe(reply({ other: () => 1 })).subscribe(wire);
        wire
          .pipe(filter(({ type }) => type === 'ask'))
          .subscribe(({ id }) => setTimeout(() => wire.next({ ...ask('reply.last'), payload: 7, correlationId: id }), 5));
      },
    ],
    [
      'a subscriber that answers the first message by hand, and unsubscribes',
      (wire) => {
        wire.pipe(reply({ other: () => 1 })).subscribe(wire);
        void firstValueFrom(wire).then(({ id }) => wire.next({ ...ask('reply.last'), payload: 7, correlationId: id }));
      },
    ],
    [
      'another reply',
      (wire) => {
        wire.pipe(reply({ other: () => 1 })).subscribe(wire);
        wire.pipe(reply({ ask: () => timer(5) })).subscribe(wire);
        wire.pipe(route({ 'other.*': () => 1 })).subscribe();
      },
    ],
    ['consume', (wire) => wire.pipe(consume(({ id }) => wire.next({ ...ask('reply.last'), payload: 7, correlationId: id }))).subscribe()],
    ['a reply behind a delay', (wire) => wire.pipe(delay(5), reply({ ask: () => 7 })).subscribe(wire)],
    ['a subscriber of its type behind a delay', (wire) => wire.pipe(delay(5), ofType('ask')).subscribe((message) => answer(wire, message))],
    [
      'the callback of a route for messages without a handler',
      (wire) => wire.pipe(route({ other: () => 1 }, { onUnhandled: (message) => answer(wire, message) })).subscribe(),
    ],
    [
      'a subscriber of the messages that a router does not handle',
      (wire) => {
        const router = createRouter();
        router.add('other', () => 1);
        router.unhandled$.subscribe((message) => answer(wire, message));
        wire.pipe(router.route).subscribe();
      },
    ],
    [
      'the first subscriber of a share',
      (wire) => {
        const shared = wire.pipe(share());
        shared.subscribe((message) => answer(wire, message));
        shared.pipe(ofType('other')).subscribe();
      },
    ],
    ['a reply that subscribes later', (wire) => setTimeout(() => wire.pipe(reply({ ask: () => 7 })).subscribe(wire), 30)],
  ])('does not refuse a request that may have an answer: %s', async (_, onWire) => {
    const { wire } = served(onWire);
    expect([0, 7]).toContain(await answerOf(wire));
  });

  it('sends no answer over a wire that drains', async () => {
    const { wire, serverWire } = served((server) => server.pipe(ofType('other')).subscribe());
    const server = await serverWire();
    const errors = record(server.errors$);
    wire.pipe(consume(() => timer(50))).subscribe();
    server.next(ask('slow'));
    server.complete();
    void answerOf(wire);
    await errors.ended;
    expect(errors.values).toEqual([]);
  });

  it('does not answer a message that is no request', async () => {
    const { wire } = served((server) => server.pipe(reply({ other: () => 1 })).subscribe(server));
    const { values } = record(wire);
    await wire.send(ask());
    await wire.send(ask());
    expect(values).toEqual([]);
  });

  it('lets reply handle a message for a route beside it', async () => {
    const { wire, serverWire } = served((server) => {
      server.pipe(route({ other: () => 1 })).subscribe();
      server.pipe(reply({ ask: () => 7 })).subscribe(server);
    });
    const { values: errors } = record((await serverWire()).errors$);
    expect(await answerOf(wire)).toBe(7);
    expect(errors).toEqual([]);
  });
});
