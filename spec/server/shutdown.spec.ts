import type { IncomingMessage } from 'node:http';
import { NEVER, noop, of, Subject, timer, VirtualTimeScheduler } from 'rxjs';
import { CloseCode } from '../../lib/message/closeCode.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Delivery } from '../../lib/message/types.js';
import type { ServeOptions } from '../../lib/server/serve.js';
import { consume } from '../../lib/operators/consume/consume.js';
import type { Wire } from '../../lib/wire/wire.js';
import { WebSocket } from 'ws';
import { rawClient } from '../support/peer.js';
import { record } from '../support/record.js';
import { network } from '../support/sessionPair.js';
import { fieldsOf, helloFrame } from '../support/sessionFrames.js';
import { serve as serveHttp } from '../support/recordingServer.js';

const number = ({ payload }: { readonly payload: unknown }): unknown => payload;

/** Lets all happen until then; then it is so late. */
function flushTo(scheduler: VirtualTimeScheduler, time: number): void {
  scheduler.schedule(noop, time - scheduler.now());
  scheduler.maxFrames = time;
  scheduler.flush();
}

/** A server that can be stopped and replaced, and a client, in virtual time. */
function start(options: ServeOptions = {}, delivery: Delivery = 'exactly-once', backoff = 10) {
  const scheduler = new VirtualTimeScheduler();
  const net = network({ scheduler, microtask: scheduler });
  const shutdown$ = new Subject<void>();
  const got: unknown[] = [];
  const wires: Wire[] = [];
  let ended = false;
  const serve = (more: ServeOptions = {}) =>
    net.serve({ retryAfter: 1_000, random: () => 0.5, ...options, ...more }, (wire) => {
      wires.push(wire);
      wire.pipe(consume((message) => of(got.push(message.payload)))).subscribe();
    });
  const serving = serve({ shutdown$ });
  serving.add(() => (ended = true));
  const wire = net.connect({ delivery, reconnect: { initialInterval: backoff, maxInterval: backoff, jitter: 0 } });
  const [messages, errors, states] = [record(wire), record(wire.errors$), record(wire.state$)];
  const runTo = (time: number): void => flushTo(scheduler, time);
  return { ...net, wire, wires, messages, errors, states, shutdown$, got, serve, runTo, scheduler, isOver: () => ended };
}

describe('shutdown$', () => {
  it('sends clients a delay for their return; they return after it, and not all at once', () => {
    const { runTo, shutdown$, wire, serve, opened, isOver } = start();
    runTo(100);
    shutdown$.next();
    runTo(200);
    expect(isOver()).toBe(true);
    expect(wire.state).toMatchObject({ status: 'reconnecting', nextAttemptAt: 1_600 });
    serve();
    runTo(1_599);
    expect(opened()).toBe(1);
    runTo(1_700);
    expect([opened(), wire.state.status]).toEqual([2, 'connected']);
  });

  it('lets a client go as soon as its own messages are through, and it returns at once with retryAfter 0', () => {
    const { runTo, shutdown$, wire, isOver, serve, opened, errors } = start({ retryAfter: 0 }, 'exactly-once', 5_000);
    runTo(100);
    shutdown$.next();
    serve();
    // After two checks of the server, 20 ms each.
    runTo(150);
    expect([isOver(), opened(), wire.state.status]).toEqual([true, 2, 'connected']);
    expect(errors.values.map(({ code }) => code)).not.toContain('ERR_CONNECTION_LOST');
  });

  it.each<Delivery>(['exactly-once', 'at-least-once'])(
    'loses and doubles nothing of what is on its way, %s, with nothing but memory',
    (delivery) => {
      const { runTo, shutdown$, wire, wires, serve, got, messages, errors, scheduler } = start({}, delivery);
      runTo(100);
      const sent: number[] = [];
      const sendBoth = (index: number): void => {
        sent.push(index);
        wire.next(createMessage('test.any', index));
        wires.at(-1)?.next(createMessage('test.any', index));
      };
      for (let index = 0; index < 500; index++) scheduler.schedule(() => sendBoth(index), index);
      runTo(250);
      shutdown$.next();
      runTo(260);
      serve();
      runTo(5_000);
      expect(got).toEqual(sent);
      // What is given to a wire that has ended is the application's to keep.
      const back = messages.values.map(number);
      expect(back.slice(0, 140)).toEqual(sent.slice(0, 140));
      expect(back).toEqual([...new Set(back)]);
      // The end of the connection was announced: it is no error.
      expect(errors.values.map(({ code }) => code)).toEqual(['ERR_SESSION_LOST']);
    },
  );

  it('waits for running handlers, and for unacked messages', () => {
    const scheduler = new VirtualTimeScheduler();
    const net = network({ scheduler, microtask: scheduler });
    const shutdown$ = new Subject<void>();
    const done: unknown[] = [];
    const serving = net.serve({ shutdown$ }, (wire) => {
      wire.pipe(consume(() => timer(3_000, scheduler))).subscribe(({ message }) => done.push(message.id));
    });
    const wire = net.connect();
    const receipts = record(wire.receipts$);
    const runTo = (time: number): void => flushTo(scheduler, time);
    runTo(10);
    wire.next(createMessage('test.any', null));
    runTo(100);
    shutdown$.next();
    runTo(2_900);
    expect(serving.closed).toBe(false);
    runTo(3_200);
    expect(serving.closed).toBe(true);
    expect(receipts.values.at(-1)?.status).toBe('acked');
    wire.unsubscribe();
  });

  it('waits no longer than drainTimeout', () => {
    const { runTo, shutdown$, wires, isOver, silence } = start({ drainTimeout: 2_000 });
    runTo(100);
    silence(true);
    wires[0]?.next(createMessage('test.any', null));
    shutdown$.next();
    runTo(2_000);
    expect(isOver()).toBe(false);
    runTo(2_200);
    expect([isOver(), wires[0]?.state.status]).toEqual([true, 'disconnected']);
  });

  it('ends at once without clients, and does not wait for detached ones', () => {
    const alone = network();
    expect(alone.serve({ shutdown$: of(0) }, () => undefined).closed).toBe(true);
    const { runTo, shutdown$, down, isOver } = start();
    runTo(100);
    down();
    runTo(200);
    shutdown$.next();
    runTo(250);
    expect(isOver()).toBe(true);
  });

  it('refuses new clients with 503 and Retry-After before the upgrade, and notifies the others in a frame', async () => {
    const shutdown$ = new Subject<void>();
    const served = await serveHttp({ shutdown$, retryAfter: 7_000, random: () => 0, drainTimeout: 200 });
    const client = await rawClient(served.url);
    client.socket.send(helloFrame());
    fieldsOf((await client.frames(1))[0]);
    client.socket.send('["ack",0,1024]');
    await client.frames(2);
    shutdown$.next();
    const [, , shutdown, bye] = await client.frames(4);
    expect(String(shutdown)).toContain('"type":"system.shutdown"');
    expect(JSON.parse(String(bye))).toEqual(['bye', 7_000]);
    const refused = await new Promise<IncomingMessage>((resolve) =>
      new WebSocket(served.url).on('unexpected-response', (_, response) => resolve(response)),
    );
    expect(refused.statusCode).toBe(503);
    expect(refused.headers).toMatchObject({ 'retry-after': '7' });
    expect(await client.ended).toEqual({ code: CloseCode.GOING_AWAY, reason: 'the server stops' });
    await served.close();
  });

  it('without a value changes nothing; unsubscribing closes at once', () => {
    const { runTo, wire, isOver } = start({ shutdown$: NEVER });
    runTo(100);
    expect([wire.state.status, isOver()]).toEqual(['connected', false]);
  });
});
