import { jest } from '@jest/globals';
import { delay, filter, firstValueFrom, map, of, share, Subject, take } from 'rxjs';
import type * as Library from '../../lib/index.js';
import type * as Server from '../../lib/server/index.js';
import type { Wire } from '../../lib/wire/wire.js';
import type * as Pair from '../support/sessionPair.js';

interface Warning {
  readonly code: string;
  readonly text: string;
}

/** Real sessions, whose timers and those of the warnings are virtual. */
describe('the warnings of a session', () => {
  let rxwire: typeof Library;
  let server: typeof Server;
  let pair: typeof Pair.pair;
  const warnings: Warning[] = [];
  const cleanups: (() => void)[] = [];

  beforeEach(async () => {
    warnings.length = 0;
    jest.useFakeTimers();
    jest.resetModules();
    jest.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
      const { code } = options as unknown as { readonly code: string };
      warnings.push({ code, text: String(message).replace(/ \(see .*$/, '') });
    });
    rxwire = await import('../../lib/index.js');
    server = await import('../../lib/server/index.js');
    ({ pair } = await import('../support/sessionPair.js'));
  });
  afterEach(() => {
    cleanups.splice(0).forEach((cleanup) => cleanup());
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  const pass = (time: number): Promise<void> => jest.advanceTimersByTimeAsync(time);
  const message = (type: string): Library.Message => rxwire.createMessage<string, unknown>(type, null);
  function connected(options: Pair.PairOptions = {}) {
    const made = pair(options);
    cleanups.push(made.close);
    return made;
  }

  describe('WARN_NO_SUBSCRIBER', () => {
    it.each<[string, (there: Wire, shutdown$: Subject<void>) => unknown]>([
      ['the shutdown of its server', (_, shutdown$) => setTimeout(() => shutdown$.next(), 100)],
      ['the pong to its ping', () => undefined],
      ['a heartbeat', (there) => there.next(message('system.heartbeat'))],
      ['the reset of channels by a hub', (there) => server.hub().serve(there)],
      ['an answer', (there) => there.next(message('reply.last'))],
      ['the end of a request', (there) => there.next(message('request.cancel'))],
    ])('is not printed by a client that only sends, for %s', async (name, onWire) => {
      const shutdown$ = new Subject<void>();
      const { wire } = connected({
        server: { shutdown$ },
        onServerWire(there) {
          there.subscribe();
          onWire(there, shutdown$);
        },
      });
      wire.next(message(name.startsWith('the pong') ? 'system.ping' : 'chat.said'));
      await pass(6_000);
      expect(warnings).toEqual([]);
    });

    it('is not printed by a server, for the ping of a client', async () => {
      connected().wire.next(message('system.ping'));
      await pass(6_000);
      expect(warnings).toEqual([]);
    });

    it('is printed once for the other messages, also behind those of protocols', async () => {
      const { wire } = connected({
        onServerWire: (there) => {
          server.hub().serve(there);
          for (const type of ['news.published', 'news.withdrawn']) there.next(message(type));
        },
      });
      await pass(100);
      expect(wire.state.status).toBe('connected');
      await pass(6_000);
      expect(warnings).toEqual([
        {
          code: 'WARN_NO_SUBSCRIBER',
          text: 'messages such as "news.published" wait, unacked, because the program has not subscribed to the wire',
        },
      ]);
    });
  });

  describe('WARN_TYPE_NOT_SELECTED', () => {
    const told = (type: string, nearest?: string): Warning => ({
      code: 'WARN_TYPE_NOT_SELECTED',
      text:
        `a message of type "${type}" has arrived, and no subscriber of the wire selects this type` +
        (nearest === undefined ? '' : `: the nearest that one selects is "${nearest}"`),
    });
    const ofType = (...types: [string, ...string[]]) => rxwire.ofType<Library.Message, string>(...types);
    /** What is printed when messages of these types arrive at a wire with such subscribers. */
    async function printed(
      at: 'client' | 'server',
      onWire: (wire: Wire) => unknown,
      ...types: readonly string[]
    ): Promise<readonly Warning[]> {
      const { wire, serverWire } = connected({
        onServerWire: (there) => {
          if (at === 'server') onWire(there);
        },
      });
      if (at === 'client') onWire(wire);
      await pass(100);
      const sender = at === 'server' ? wire : await serverWire();
      for (const type of types) sender.next(message(type));
      await pass(6_000);
      return warnings;
    }

    describe.each(['client', 'server'] as const)('at a wire of a %s', (at) => {
      it('names the type, and the nearest that a subscriber selects, once', async () => {
        const onWire = (wire: Wire): void => {
          wire.pipe(ofType('system.ping', 'news', 'chat.siad')).subscribe();
          wire.pipe(rxwire.reply({ 'chat.history': () => 1 })).subscribe(wire);
        };
        expect(await printed(at, onWire, 'chat.said', 'chat.said')).toEqual([told('chat.said', 'chat.siad')]);
      });

      it.each<[string, string, string]>([
        ['route', 'file.chnaged', 'file.changed'],
        ['route', 'fiel.opened', 'file.*'],
        ['route', 'File.Changed', 'file.changed'],
        ['route', 'file_changed', 'file.changed'],
        ['reply', 'time.gte', 'time.get'],
      ])('names the pattern of a %s for %s', async (_, type, pattern) => {
        const onWire = (wire: Wire): void => {
          if (pattern === 'time.get') wire.pipe(rxwire.reply({ [pattern]: () => 1 })).subscribe(wire);
          else wire.pipe(rxwire.route({ [pattern]: () => undefined, 'x.y': () => undefined })).subscribe();
        };
        expect(await printed(at, onWire, type)).toEqual([told(type, pattern)]);
      });

      it('is not printed if a subscriber receives the type', async () => {
        const subscribers: ((wire: Wire) => unknown)[] = [
          (wire) => wire.subscribe(),
          (wire) => wire.pipe(filter(({ type }) => type === 'chat.said')).subscribe(),
          (wire) =>
            wire
              .pipe(
                map((one) => ({ ...one, type: 'chat.siad' })),
                ofType('chat.siad'),
              )
              .subscribe(),
          (wire) => firstValueFrom(wire),
          (wire) => wire.pipe(share()).pipe(ofType('chat.siad')).subscribe(),
          (wire) => wire.pipe(ofType('chat.said')).subscribe(),
          (wire) => wire.pipe(delay(10), ofType('chat.said')).subscribe(),
          (wire) => wire.pipe(rxwire.route({ 'chat.*': () => undefined })).subscribe(),
          (wire) => wire.pipe(rxwire.route({ '**': () => undefined })).subscribe(),
          (wire) => wire.pipe(rxwire.route({}, { patterns: [[/^chat/, () => undefined]] })).subscribe(),
          (wire) => wire.pipe(rxwire.route({ 'chat.siad': () => undefined }, { onUnhandled: () => undefined })).subscribe(),
          (wire) => wire.pipe(rxwire.consume(() => undefined)).subscribe(),
          (wire) => wire.pipe(rxwire.reply({ 'chat.said': () => 1 })).subscribe(wire),
        ];
        for (const subscribe of subscribers) {
          const onWire = (wire: Wire): void => {
            subscribe(wire);
            wire.pipe(ofType('chat.siad')).subscribe();
          };
          expect(await printed(at, onWire, 'chat.said')).toEqual([]);
        }
      });

      it('is not printed if a subscriber selects the type within 5 s', async () => {
        const onWire = (wire: Wire): void => {
          wire.pipe(ofType('chat.siad')).subscribe();
          setTimeout(() => wire.pipe(ofType('chat.said')).subscribe(), 4_000);
        };
        expect(await printed(at, onWire, 'chat.said')).toEqual([]);
      });

      it('is not printed for a type that a subscriber of this or another wire has selected before', async () => {
        const onWire = (wire: Wire): void => {
          wire.pipe(ofType('chat.siad', 'file.chnaged')).subscribe();
          wire.pipe(ofType('chat.said'), take(1)).subscribe();
        };
        expect(await printed(at, onWire, 'chat.said', 'chat.said')).toEqual([]);
        connected()
          .wire.pipe(rxwire.route({ 'file.*': () => undefined }))
          .subscribe();
        expect(await printed(at, onWire, 'file.changed')).toEqual([]);
      });

      it('is not printed for the messages of protocols', async () => {
        const types = ['system.pings', 'reply.lost', 'reply', 'request.cancel', 'channel.resets'];
        const onWire = (wire: Wire): unknown => wire.pipe(ofType('system.ping', 'reply.last', 'channel.reset')).subscribe();
        expect(await printed(at, onWire, ...types)).toEqual([]);
      });

      it('is not printed for the types in a batch', async () => {
        const { wire, serverWire } = connected();
        const [receiver, sender] = at === 'client' ? [wire, await serverWire()] : [await serverWire(), wire];
        receiver.pipe(rxwire.fromBatchMessage(), ofType('batches', 'chat.said')).subscribe();
        sender.next(rxwire.createMessage('batch', { messages: [message('chat.said')] } as never));
        await pass(6_000);
        expect(warnings).toEqual([]);
      });

      it('is not printed for the answers to requests, and messages of channels', async () => {
        const rooms = server.hub();
        const { wire, serverWire } = connected({
          onServerWire(there) {
            rooms.serve(there);
            there.pipe(rxwire.reply({ 'time.get': () => of(1, 2) })).subscribe(there);
          },
        });
        const there = await serverWire();
        const [caller, receiver] = at === 'server' ? [wire, there] : [there, wire];
        wire.pipe(rxwire.reply({ 'time.get': () => of(1, 2) })).subscribe(wire);
        for (const one of [wire, there]) one.pipe(ofType('replies', 'channel.massage')).subscribe();
        rxwire.request(caller, message('time.get')).subscribe();
        rxwire.request(receiver, message('time.get')).subscribe();
        rxwire.channel(wire, 'room').subscribe();
        rooms.channel('room').next(message('chat.said'));
        await pass(6_000);
        expect(warnings).toEqual([]);
      });
    });

    it('is not printed at a client for a type that resembles none: a page may ignore what it does not show', async () => {
      const onWire = (wire: Wire): unknown =>
        wire.pipe(ofType('task.added', 'sensor.1', 'light.on', 'config.get', 'room.lock', 'chat.said', 'key.x')).subscribe();
      const types = [
        'task.edited',
        'sensor.2',
        'light.no',
        'light.off',
        'config.set',
        'room.unlock',
        'chat.typing',
        'key.y',
        'presence.changed',
      ];
      expect(await printed('client', onWire, ...types)).toEqual([]);
    });

    it('is printed at a server for each type of a message, with the nearest; of a request, the sender receives the error', async () => {
      const onWire = (wire: Wire): unknown => wire.pipe(ofType('chat.said', 'presence.changed')).subscribe();
      const { wire } = connected({ onServerWire: onWire });
      const failed: unknown[] = [];
      rxwire.request(wire, message('time.get')).subscribe({ error: ({ code }) => failed.push(code) });
      wire.next(message('chat.typing'));
      await pass(6_000);
      expect([failed, warnings]).toEqual([['ERR_UNHANDLED'], [told('chat.typing', 'chat.said')]]);
    });

    it('is printed at a server that only serves channels, for other messages', async () => {
      expect(await printed('server', (wire) => server.hub().serve(wire), 'chat.said')).toEqual([told('chat.said')]);
    });

    it('is printed for a client that leaves at once', async () => {
      const { wire } = connected({ onServerWire: (there) => there.pipe(ofType('chat.siad')).subscribe() });
      await Promise.all([wire.send(message('chat.said')), pass(100)]);
      wire.complete();
      await pass(6_000);
      expect(wire.state.status).toBe('disconnected');
      expect(warnings).toEqual([told('chat.said', 'chat.siad')]);
    });

    it('is printed with the envelope protocol, too', async () => {
      const { wire } = connected({
        client: { protocol: rxwire.envelopeProtocol },
        onServerWire: (there) => there.pipe(ofType('chat.siad')).subscribe(),
      });
      wire.next(message('chat.said'));
      await pass(6_000);
      expect(warnings).toEqual([told('chat.said', 'chat.siad')]);
    });
  });
});
