import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { lastValueFrom, NEVER, of, VirtualTimeScheduler } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { ConnectionLostError, ReconnectGivenUpError, UnsupportedError } from '../../lib/message/errors.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import type { Message } from '../../lib/message/types.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import { record } from '../support/record.js';
import { cuttableLinks, message, wait, wirePair } from './wires.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';

describe('connect', () => {
  it.each([
    ['link', { link: undefined }],
    ['link', { link: 'ws://127.0.0.1/wire' }],
    ['delivery', { delivery: 'exactly_once' }],
  ])('refuses a "%s" that is none when called: %j', (name, options) => {
    const [near] = memoryLink<Frame>();
    expect(() => connect({ link: near, ...(options as object) })).toThrow(`connect: "${name}" must be`);
  });

  describe('in virtual time', () => {
    beforeEach(() => void jest.useFakeTimers({ now: 0 }));
    afterEach(() => void jest.useRealTimers());

    /** The frames that a wire sends over two connections. */
    async function framesOf(options: Omit<ConnectOptions, 'link'>): Promise<readonly Frame[]> {
      const { near, far, cut } = cuttableLinks();
      const wire = connect({ link: near, protocol: envelopeProtocol, reconnect: { initialInterval: 1, jitter: 0 }, ...options });
      const first = record(far(NEVER));
      await wait();
      cut();
      const second = record(far(NEVER));
      await wait(1);
      wire.unsubscribe();
      return [...first.values, ...second.values];
    }

    it('says hello first on each connection: the same secret, and that it has been there before', async () => {
      const hellos = (await framesOf({ id: 'me' })).flatMap((frame) => json().decode(frame));
      expect(hellos).toMatchObject([
        { type: 'system.hello', source: 'me', payload: { resume: false, delivery: 'at-least-once' } },
        { type: 'system.hello', source: 'me', payload: { resume: true, delivery: 'at-least-once' } },
      ]);
      const [first, second] = hellos.map(({ payload }) => (payload as { session: string }).session);
      expect(first).toMatch(/^[\w-]{43}$/);
      expect(second).toBe(first);
    });

    it('has a secret and a name of its own for each wire', async () => {
      const [one, other] = [await framesOf({}), await framesOf({})].map(
        (frames) => json().decode(frames[0]!)[0] as Message<'system.hello'>,
      );
      expect(one!.payload.session).not.toBe(other!.payload.session);
      expect(one!.source).toMatch(/^[\w-]{21}$/);
      expect(one!.source).not.toBe(other!.source);
    });

    it('speaks the codec that it is given', async () => {
      const [frame] = await framesOf({ codec: msgpack(), delivery: 'at-most-once' });
      expect(msgpack().decode(frame!)).toMatchObject([{ type: 'system.hello', payload: { delivery: 'at-most-once' } }]);
    });

    it('is given up after maxRetries: the error of the wire', async () => {
      const { near, cut } = cuttableLinks();
      const wire = connect({ link: near, reconnect: { initialInterval: 10, jitter: 0, maxRetries: 2 } });
      const here = record(wire);
      for (let time = 0; time < 3; time++) {
        cut();
        await wait(20);
      }
      expect(await here.ended).toEqual(new ReconnectGivenUpError(2, new ConnectionLostError(1006, 'cut')));
    });

    it.each([
      [{ reconnect: false as const }, 1006, 'ERR_CONNECTION_LOST'],
      [{}, 4401, 'ERR_UNAUTHORIZED'],
    ])('does not reconnect with %j, closed with %i', async (options, closeCode, code) => {
      const { near, cut } = cuttableLinks();
      const here = record(connect({ link: near, ...options }));
      cut(closeCode);
      expect(await here.ended).toMatchObject({ code, closeCode, reason: 'cut' });
      expect(jest.getTimerCount()).toBe(0);
    });

    it('sends again, once each, what a cut took', async () => {
      const { wire, peer, cut } = wirePair();
      const there = record(peer);
      for (let index = 0; index < 100; index++) {
        wire.next(message(String(index)));
        if (index % 10 === 0) await wait();
        if (index % 20 === 0) cut();
      }
      await wait(1_000);
      expect(there.values.map(({ id }) => Number(id))).toEqual(Array.from({ length: 100 }, (_, index) => index));
    });

    it('takes all time from its scheduler', () => {
      const scheduler = new VirtualTimeScheduler();
      const { near, cut } = cuttableLinks();
      const wire = connect({ link: near, scheduler });
      scheduler.frame = 5;
      wire.next(message('a'));
      cut();
      expect(wire.state).toMatchObject({ createdAt: 0, nextAttemptAt: expect.any(Number) });
      expect(wire.state.nextAttemptAt).toBeLessThanOrEqual(505);
      wire.unsubscribe();
      expect(jest.getTimerCount()).toBe(0);
    });
  });

  it('refuses exactly-once over envelopes when called', () => {
    expect(() => connect({ link: () => of(), protocol: envelopeProtocol, delivery: 'exactly-once' })).toThrow(UnsupportedError);
  });

  it.each<[string, Omit<ConnectOptions, 'link'>]>([
    ['window', { window: 0 }],
    ['windowBytes', { windowBytes: 2 ** 31 }],
    ['maxFrame', { maxFrame: 0 }],
    ['initialInterval', { reconnect: { initialInterval: NaN } }],
  ])('refuses a %s out of range when called', (option, options) => {
    expect(() => connect({ link: () => of(), ...options })).toThrow(RangeError);
    expect(() => connect({ link: () => of(), ...options })).toThrow(`"${option}" must be`);
  });

  it.each(['', 'no name', 'x'.repeat(129)])('refuses the id %p when called', (id) => {
    expect(() => connect({ link: () => of(), id })).toThrow(TypeError);
  });

  it.each([
    ['outbox', { outbox: { ...memoryOutbox(), isDurable: true } }],
    ['inbox', { inbox: { claim: () => ({ record: undefined, lease: undefined }), commit: () => undefined, remember: () => undefined } }],
  ])('refuses an %s that outlives the process, and does not bring along what that needs', (_, stores) => {
    expect(() => connect({ link: () => of(), ...stores })).toThrow(TypeError);
  });

  it('completes when its link does', async () => {
    await expect(lastValueFrom(connect({ link: () => of() }), { defaultValue: 'over' })).resolves.toBe('over');
  });

  describe('in a process, with nobody at the address and nobody subscribed', () => {
    const run = async (statement: string) => {
      const script = `
        import { connect } from './lib/wire/connect.ts';
        import { webSocket } from './lib/io/webSocket.ts';
        import { createMessage } from './lib/message/createMessage.ts';
        const link = webSocket('ws://127.0.0.1:9/wire');
        ${statement}
        process.on('exit', (code) => console.log('exit', code, wire.state.status));`;
      const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
      return promisify(execFile)(process.execPath, args, { timeout: 10_000 });
    };

    it('lets the process end when it gives up, with a warning', async () => {
      const statement = `const wire = connect({ link, reconnect: { initialInterval: 1, maxRetries: 2 } }); wire.next(createMessage('test.any', null));`;
      await expect(run(statement)).rejects.toMatchObject({
        stdout: 'exit 1 error\n',
        stderr: expect.stringContaining('1 message was not delivered') as unknown,
      });
    });

    it('lets the process end when it is completed', async () => {
      const statement = `const wire = connect({ link }); wire.errors$.subscribe(() => wire.complete());`;
      expect(await run(statement)).toEqual({ stdout: 'exit 0 disconnected\n', stderr: '' });
    });
  });
});
