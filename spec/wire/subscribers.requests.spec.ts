import { catchError, defaultIfEmpty, delay, EMPTY, filter, firstValueFrom, mergeMap, of, share, timeout, timer } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { protobuf } from '../../lib/codec/protobuf/protobuf.js';
import { MessagePriority } from '../../lib/message/messagePriority.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Message } from '../../lib/message/types.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { ofType } from '../../lib/operators/ofType.js';
import { reply } from '../../lib/operators/requests/reply.js';
import { request } from '../../lib/operators/requests/request.js';
import { createRouter, route } from '../../lib/operators/routing/route.js';
import { hub } from '../../lib/server/hub/hub.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { type ClientOptions, pair } from '../support/sessionPair.js';

const ask = (type = 'ask'): Message => createMessage<string, unknown>(type, null);
const answer = (wire: Wire, { id }: Message): void =>
  void setTimeout(() => wire.next({ ...ask('reply.last'), payload: 7, correlationId: id }), 5);
const unhandled = { code: 'ERR_UNHANDLED', type: 'ask' };

describe('a request without a handler', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

  function served(onServerWire: (wire: Wire) => unknown) {
    const made = pair({ onServerWire: (wire) => void onServerWire(wire) });
    cleanups.push(made.close);
    return made;
  }
  const answerOf = (wire: Wire): Promise<unknown> =>
    firstValueFrom(request(wire, ask()).pipe(timeout({ first: 300, with: () => of('no answer') }))).catch((error: unknown) => error);
  /** The answer to a request of the server. */
  async function answerOfClient(onWire: (wire: Wire) => unknown, client: ClientOptions = {}): Promise<unknown> {
    const made = pair({ client });
    cleanups.push(made.close);
    onWire(made.wire);
    return answerOf(await made.serverWire());
  }

  const unanswered: [string, (wire: Wire) => unknown][] = [
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
  ];
  it.each(unanswered)('refuses a request at once, at a server with %s', async (_, onWire) => {
    const { wire } = served(onWire);
    expect(await answerOf(wire)).toMatchObject(unhandled);
  });

  const answered: [string, (wire: Wire) => unknown][] = [
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
    [
      'the second subscriber of a share',
      (wire) => {
        const shared = wire.pipe(share());
        shared.pipe(ofType('other')).subscribe();
        shared.subscribe((message) => answer(wire, message));
      },
    ],
    [
      'a subscriber of its type behind a share and a delay',
      (wire) => {
        const shared = wire.pipe(share());
        shared.pipe(ofType('other')).subscribe();
        shared.pipe(delay(5), ofType('ask')).subscribe((message) => answer(wire, message));
      },
    ],
    [
      'a subscriber that a message of another source starts',
      (wire) =>
        of(ask('other'))
          .pipe(
            ofType('other'),
            mergeMap(() => wire),
          )
          .subscribe((message) => answer(wire, message)),
    ],
    [
      'the callback of a route behind a delay',
      (wire) => wire.pipe(delay(5), route({ other: () => 1 }, { onUnhandled: (message) => answer(wire, message) })).subscribe(),
    ],
    [
      'a subscriber of the messages that a router behind a delay does not handle',
      (wire) => {
        const router = createRouter();
        router.unhandled$.subscribe((message) => answer(wire, message));
        wire.pipe(delay(5), router.route).subscribe();
      },
    ],
    ['a reply that subscribes later', (wire) => setTimeout(() => wire.pipe(reply({ ask: () => 7 })).subscribe(wire), 30)],
  ];
  it.each(answered)('does not refuse a request that may have an answer: %s', async (_, onWire) => {
    const { wire } = served(onWire);
    expect([0, 7]).toContain(await answerOf(wire));
  });

  it.each(unanswered)('refuses a request of the server at once, at a client with %s', async (_, onWire) => {
    expect(await answerOfClient(onWire)).toMatchObject(unhandled);
  });
  it('refuses a request of the server at once, at a client that only sends requests', async () => {
    const { wire, serverWire } = served((server) => server.pipe(reply({ ask: () => 7 })).subscribe(server));
    expect(await answerOf(wire)).toBe(7);
    expect(await answerOf(await serverWire())).toMatchObject(unhandled);
  });
  it.each(answered)('does not refuse a request of the server that may have an answer: %s', async (_, onWire) => {
    expect([0, 7]).toContain(await answerOfClient(onWire));
  });

  it.each([json(), msgpack(), protobuf()])('answers with the fields that the request asks for, encoded as $name', async (codec) => {
    const made = pair({ client: { codec }, server: { codecs: [codec] } });
    cleanups.push(made.close);
    made.wire.pipe(ofType('other')).subscribe();
    const server = await made.serverWire();
    const { values } = record(server);
    await firstValueFrom(
      request(server, { ...ask(), replyTo: 'caller', priority: MessagePriority.HIGH }).pipe(
        catchError(() => EMPTY),
        defaultIfEmpty(0),
      ),
    );
    await firstValueFrom(
      request(server, ask()).pipe(
        catchError(() => EMPTY),
        defaultIfEmpty(0),
      ),
    );
    const payload = { code: 'ERR_UNHANDLED', message: expect.any(String) as string };
    expect(values).toMatchObject([{ type: 'reply.error', payload, target: 'caller', priority: MessagePriority.HIGH }, { payload }]);
    expect([values[1]?.target, values[1]?.priority]).toEqual([undefined, undefined]);
  });

  it('refuses a request at both ends of a wire with the envelope protocol', async () => {
    const { wire, serverWire, close } = pair({
      client: { protocol: envelopeProtocol },
      onServerWire: (server) => void server.pipe(ofType('other')).subscribe(),
    });
    cleanups.push(close);
    wire.pipe(ofType('other')).subscribe();
    expect(await answerOf(wire)).toMatchObject(unhandled);
    expect(await answerOf(await serverWire())).toMatchObject(unhandled);
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
