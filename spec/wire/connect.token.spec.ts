import { NEVER, of, VirtualTimeScheduler } from 'rxjs';
import { UnauthorizedError, UnsupportedError } from '../../lib/message/errors.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import type { Frame } from '../../lib/io/link.js';
import type { Principal } from '../../lib/server/principal.js';
import type { TokenSource } from '../../lib/wire/session/tokenRenewal.js';
import { connect } from '../../lib/wire/connect.js';
import type { Wire } from '../../lib/wire/wire.js';
import { record } from '../support/record.js';
import { network } from '../support/sessionPair.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

const MINUTE = 60_000;

/** A client whose tokens are 1, 2, 3 …, each good for a minute from when it was given, and a server that looks; in virtual time. */
function start(token?: TokenSource, isGood: (token: string) => boolean = () => true) {
  const scheduler = new VirtualTimeScheduler();
  const times = { scheduler, microtask: scheduler };
  const net = network(times);
  const shown: string[] = [];
  const wires: Wire[] = [];
  let asked = 0;
  const authenticate = ({ token: one = 'none' }: { readonly token?: string }): Principal | undefined => {
    shown.push(one);
    return isGood(one) ? { id: 'ada', expiresAt: scheduler.now() + MINUTE } : undefined;
  };
  const server = net.serve({ authenticate, pingInterval: 15_000 }, (wire) => {
    wires.push(wire);
    wire.subscribe();
  });
  const wire = net.connect({ token: token ?? (() => String(++asked)) });
  const [messages, errors] = [record(wire), record(wire.errors$)];
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
  };
  const codes = (): readonly string[] => errors.values.map(({ code }) => code);
  return { ...net, wire, wires, messages, shown, codes, runTo, server };
}

describe('connect: token', () => {
  it('is asked for at each connection, and shown in the hello', () => {
    const { runTo, cut, shown, wire } = start();
    runTo(10);
    cut();
    runTo(100);
    cut();
    runTo(200);
    expect(shown).toEqual(['1', '2', '3']);
    expect(wire.state.status).toBe('connected');
  });

  it.each<[how: string, TokenSource]>([
    ['as text', 'x'],
    ['at once', () => 'x'],
    ['with an Observable, of which the first value counts', () => of('x', 'y')],
  ])('may be told %s', (_, token) => {
    const { runTo, shown } = start(token);
    runTo(10);
    expect(shown).toEqual(['x']);
  });

  it('may be told with a promise', async () => {
    const { runTo, shown } = start(() => Promise.resolve('x'));
    runTo(10);
    await new Promise(setImmediate);
    runTo(20);
    expect(shown).toEqual(['x']);
  });

  it('is asked for before it expires, and shown over the connection that there is', () => {
    const { runTo, shown, opened, codes, wires } = start();
    runTo(29_000);
    expect(shown).toEqual(['1']);
    runTo(31_000);
    expect(shown).toEqual(['1', '2']);
    runTo(10 * MINUTE);
    expect([shown.length, opened(), codes(), wires.length]).toEqual([21, 1, [], 1]);
  });

  it('that expires closes the connection when there is no fresh one: 4419, and it is asked for again', () => {
    let asked = 0;
    const { runTo, codes, opened, wire, wires } = start(() => (++asked === 2 ? NEVER : String(asked)));
    runTo(59_000);
    expect(opened()).toBe(1);
    runTo(61_000);
    expect([opened(), codes(), wires.length]).toEqual([2, ['ERR_CONNECTION_LOST'], 1]);
    expect(wire.state.status).toBe('connected');
  });

  it('that cannot be had in time is told of, and tried again at the next connection', () => {
    let asked = 0;
    const { runTo, codes, opened } = start(() => {
      if (++asked === 2) throw new Error('the network is down');
      return String(asked);
    });
    runTo(31_000);
    expect([opened(), codes()]).toEqual([1, ['ERR_CONNECTION_LOST']]);
    runTo(61_000);
    expect(opened()).toBe(2);
  });

  it('that is refused ends the wire with ERR_UNAUTHORIZED: a state that can be seen, and no second attempt', async () => {
    const { runTo, shown, codes, wire, messages } = start(undefined, () => false);
    runTo(10 * MINUTE);
    expect(shown).toEqual(['1']);
    expect(codes()).toEqual(['ERR_UNAUTHORIZED']);
    expect(await messages.ended).toEqual(new UnauthorizedError(4401, 'the credentials were not accepted'));
    expect(wire.state).toMatchObject({ status: 'error', error: { code: 'ERR_UNAUTHORIZED', closeCode: 4401 } });
  });

  it('that is refused when it is renewed, or after a reconnect, ends it as well', () => {
    const renewed = start(undefined, (token) => token === '1');
    renewed.runTo(31_000);
    expect([renewed.shown, renewed.codes()]).toEqual([['1', '2'], ['ERR_UNAUTHORIZED']]);

    const again = start(undefined, (token) => token === '1');
    again.runTo(10);
    again.cut();
    again.runTo(10 * MINUTE);
    expect([again.shown, again.codes()]).toEqual([
      ['1', '2'],
      ['ERR_CONNECTION_LOST', 'ERR_UNAUTHORIZED'],
    ]);
  });

  it('that cannot be had is a failure to connect: it is tried again', () => {
    let asked = 0;
    const { runTo, wire, opened, shown } = start(() => {
      if (++asked < 4) throw new Error('the network is down');
      return 'x';
    });
    expect(opened()).toBe(0);
    expect(wire.state).toMatchObject({ status: 'reconnecting', reconnectAttempts: 1 });
    runTo(100);
    expect([asked, opened(), shown, wire.state.status]).toEqual([4, 1, ['x'], 'connected']);
  });

  it('whose function knows that nobody is signed in ends the wire', () => {
    const { runTo, wire, opened } = start(() => {
      throw new UnauthorizedError(4401, 'signed out');
    });
    runTo(MINUTE);
    expect(opened()).toBe(0);
    expect(wire.state).toMatchObject({ status: 'error', error: { code: 'ERR_UNAUTHORIZED' } });
  });

  it('is not for envelopes', () => {
    const [link] = memoryLink<Frame>();
    expect(() => connect({ link, protocol: envelopeProtocol, token: () => 'x' })).toThrow(UnsupportedError);
  });
});
