import { jest } from '@jest/globals';
import { Subject } from 'rxjs';
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
});
