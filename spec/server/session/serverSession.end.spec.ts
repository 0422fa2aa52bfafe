import { Observable, Subject, VirtualTimeScheduler, type Subscriber } from 'rxjs';
import { ConnectionLostError, HandlerError, type RxwireError } from '../../../lib/message/errors.js';
import type { Frame } from '../../../lib/io/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { serve, type ServedLink } from '../../../lib/server/serve.js';
import { batch, helloFrame } from '../../support/sessionFrames.js';
import { startVirtual, turns } from '../virtual.js';
import { enterSession, idsIn } from './enterSession.js';

const message = (id: string): Message => createMessage('test.any', null, { id });

describe('the end of a session at a server', () => {
  let stop: (() => void) | undefined;
  afterEach(() => stop?.());

  const enter = async (options: object = {}, fields: object = {}) => {
    const entered = await enterSession({ pingInterval: 1_000, ...options }, fields);
    ({ stop } = entered.server);
    const timers = async (): Promise<number> => {
      await entered.server.pass(10_000);
      return entered.server.scheduler.actions.length;
    };
    return { ...entered, timers };
  };

  it('reports the outcome of each message that is in flight when the client does not return', async () => {
    const dead: string[] = [];
    const failed: string[] = [];
    const { wire, close, timers } = await enter({ detachedTimeout: 1_000, onDead: ({ id }: Message) => void dead.push(id) });
    wire.failures$.subscribe(({ id }) => failed.push(id));
    wire.next(message('a'));
    await turns();
    wire.next(message('b'));
    close(1_006);
    expect(await timers()).toBe(0);
    expect([dead, failed]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('reports the outcome of each message that is in flight, or not sent yet, when the application unsubscribes', async () => {
    const dead: string[] = [];
    const { wire, code, timers } = await enter({ onDead: ({ id }: Message) => void dead.push(id) });
    wire.next(message('a'));
    await turns();
    wire.next(message('b'));
    wire.unsubscribe();
    expect(await code).toBe(4_000);
    expect([dead, await timers()]).toEqual([['a', 'b'], 0]);
  });

  it('delivers the rest of a batch and sends waiting messages, when a subscriber completes the wire within the batch', async () => {
    const { wire, send, sent, code, server, timers } = await enter();
    wire.subscribe(({ id }) => {
      if (id !== 'a') return;
      wire.next(message('bye'));
      wire.complete();
    });
    send(batch(1, 'a', 'b'));
    expect(idsIn(await sent())).toEqual(['bye']);
    send('["ack",1,1024]');
    expect(await code).toBe(1_000);
    expect([server.got, await timers()]).toEqual([['a', 'b'], 0]);
  });

  it('closes the connection with 4000 when a subscriber unsubscribes the wire within a batch', async () => {
    const { wire, send, code, server, timers } = await enter();
    wire.subscribe(() => wire.unsubscribe());
    send(batch(1, 'a', 'b'));
    expect(await code).toBe(4_000);
    expect([server.got, await timers()]).toEqual([['a'], 0]);
  });

  it('closes the connection with 4419 when the authentication expires, and not before it was renewed', async () => {
    let calls = 0;
    const server = startVirtual({ authenticate: () => ({ id: 'p', expiresAt: server.scheduler.now() + 500 * ++calls }) });
    ({ stop } = server);
    const { frames, send, code } = await server.enter({ token: 'first' });
    await server.pass(400);
    send('["auth","second"]');
    await turns();
    expect(frames.values.at(-1)).toMatch(/^\["auth",/);
    await server.pass(900);
    expect(frames.isOver()).toBe(false);
    await server.pass(2_000);
    expect(await code).toBe(4_419);
  });

  it('closes the connection, and reports the error of an onDead that throws', async () => {
    const boom = new Error('boom');
    const onDead = (): never => {
      throw boom;
    };
    const { wire, code, timers } = await enter({ onDead });
    const errors: RxwireError[] = [];
    wire.errors$.subscribe((error) => errors.push(error));
    wire.next(message('a'));
    await turns();
    expect(() => wire.unsubscribe()).not.toThrow();
    expect(await code).toBe(4_000);
    expect(errors.at(-1)).toEqual(new HandlerError({ id: 'a', type: 'test.any' }, 1, boom));
    expect(await timers()).toBe(0);
  });
});

describe('an onDead that throws, at a server', () => {
  it.each<[what: string, fail: (next: (message: Message) => void) => void]>([
    [
      'a message that cannot be encoded',
      (next) => {
        const cyclic: Record<string, unknown> = {};
        cyclic['self'] = cyclic;
        next(createMessage('test.any', cyclic, { id: 'cyclic' }));
      },
    ],
    [
      'an overflow of the queue',
      (next) => {
        for (let count = 0; count < 300; count++) next(message(String(count)));
      },
    ],
  ])('does not stop the other sessions after %s', async (_, fail) => {
    const onDead = (): never => {
      throw new Error('boom');
    };
    const server = startVirtual({ maxQueued: 5, onDead });
    await server.enter();
    const { frames } = await server.enter();
    await server.pass(100);
    const [failing, other] = [server.wires[0]!, server.wires[1]!];
    fail((one) => failing.next(one));
    other.next(message('a'));
    await server.pass(100);
    other.next(message('b'));
    await turns();
    expect(idsIn(frames.values.slice(2))).toEqual(['a', 'b']);
    expect(server.errors).toContainEqual(expect.objectContaining({ code: 'ERR_HANDLER' }));
    server.stop();
  });
});

it('a session whose connection fails at a delayed ack leaves no timer at its server', async () => {
  const scheduler = new VirtualTimeScheduler();
  const links$ = new Subject<ServedLink>();
  const running = serve(links$, { scheduler, pingInterval: 1_000 }).subscribe((wire) => {
    wire.subscribe();
    wire.errors$.subscribe(() => wire.unsubscribe());
  });
  let client: Subscriber<Frame> | undefined;
  // A link fails while it sends when its peer reads too slowly.
  const link: ServedLink = (outgoing) =>
    new Observable<Frame>((to) => {
      client = to;
      const next = (frame: Frame): void => {
        if (String(frame).startsWith('["ack",1')) to.error(new ConnectionLostError(4_413, 'reads too slowly'));
      };
      to.add(outgoing.subscribe({ next, error: () => undefined }));
    });
  links$.next(link);
  for (const frame of [helloFrame(), '["ack",0,1024]', batch(1, 'a').replace('["msg"', '["ackmsg",0,1024,100,0')]) {
    client!.next(frame);
    await turns();
  }
  scheduler.maxFrames = 1_000;
  scheduler.flush();
  await turns();
  running.unsubscribe();
  expect(scheduler.actions).toHaveLength(0);
});
