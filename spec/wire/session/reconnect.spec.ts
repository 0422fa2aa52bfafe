import {
  BehaviorSubject,
  concat,
  filter,
  firstValueFrom,
  map,
  NEVER,
  Observable,
  of,
  Subject,
  throwError,
  timer,
  VirtualTimeScheduler,
  type Subscription,
} from 'rxjs';
import { ConnectionLostError, StoreError } from '../../../lib/message/errors.js';
import { json } from '../../../lib/codec/json.js';
import type { Frame, Link } from '../../../lib/io/link.js';
import { connect } from '../../../lib/wire/connect.js';
import type { NetworkSignal } from '../../../lib/wire/session/networkSignals.js';
import { session, type SessionOptions } from '../../../lib/wire/session/session.js';
import type { ConnectionState } from '../../../lib/wire/connectionState.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { record } from '../../support/record.js';
import { scriptedOutbox } from '../../support/scriptedOutbox.js';
import { welcomeFrame } from '../../support/sessionFrames.js';
import { pair } from '../../support/sessionPair.js';

const lost = new ConnectionLostError(1006, 'lost');

/** A client whose link the test plays, in virtual time. */
function start(options: SessionOptions = {}, onOpen: (index: number) => Observable<Frame> | undefined = () => undefined) {
  const scheduler = new VirtualTimeScheduler();
  const openedAt: number[] = [];
  const retries: string[] = [];
  let current = new Subject<Frame>();
  let open = 0;
  const link = (): Observable<Frame> =>
    new Observable((to) => {
      openedAt.push(scheduler.now());
      open++;
      current = new Subject();
      to.add(() => open--);
      to.add((onOpen(openedAt.length) ?? current).subscribe(to));
    });
  const report: SessionOptions['report'] = (event) => {
    if (event.kind === 'retry') retries.push(`${event.attempt} in ${event.delay}`);
  };
  const reconnect = { initialInterval: 10, jitter: 0, ...options.reconnect };
  const layer = session(json(), { scheduler, microtask: scheduler, report, ...options, reconnect });
  const client = record(layer(link)(NEVER));
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
  };
  return {
    client,
    runTo,
    openedAt,
    retries,
    lose: (error: unknown = lost): void => current.error(error),
    /** The connections that are open, and the timers that run. */
    left: (): readonly [connections: number, timers: number] => [open, scheduler.actions.length],
  };
}

describe('a client that is unsubscribed', () => {
  it('while it waits for a token leaves nothing', () => {
    const token$ = new Subject<string>();
    const { client, left, openedAt } = start({ token: () => token$ });
    expect(token$.observed).toBe(true);
    client.subscription.unsubscribe();
    expect([token$.observed, openedAt, left()]).toEqual([false, [], [0, 0]]);
  });

  it('while it opens a connection leaves nothing', () => {
    const { client, left } = start();
    expect(left()).toEqual([1, 0]);
    client.subscription.unsubscribe();
    expect(left()).toEqual([0, 0]);
  });

  it('while it waits to reconnect leaves nothing', () => {
    const signals$ = new Subject<NetworkSignal>();
    const { client, left, lose } = start({ signals$ });
    lose();
    expect([signals$.observed, left()]).toEqual([true, [0, 1]]);
    client.subscription.unsubscribe();
    expect([signals$.observed, left()]).toEqual([false, [0, 0]]);
  });

  it.each(['onRetry', 'shouldRetry', 'backoffDelay', 'report'])('by %s leaves nothing', (name) => {
    const signals$ = new Subject<NetworkSignal>();
    let client: Subscription | undefined = undefined;
    const end = (): number => {
      client?.unsubscribe();
      return 1;
    };
    const { lose, left, openedAt, ...rest } = start({
      signals$,
      ...(name === 'report' ? { report: end } : { reconnect: { [name]: end } }),
    });
    client = rest.client.subscription;
    lose();
    expect([signals$.observed, openedAt, left(), rest.client.isOver()]).toEqual([false, [0], [0, 0], false]);
  });

  it('by its token function opens nothing', () => {
    const clients: Subscription[] = [];
    const token = (): string => {
      clients[0]?.unsubscribe();
      return 'x';
    };
    const { client, lose, left, openedAt, runTo } = start({ token });
    clients.push(client.subscription);
    lose();
    runTo(100);
    expect([openedAt, left()]).toEqual([[0], [0, 0]]);
  });
});

describe('a client that only listens', () => {
  const growing = { reconnect: { initialInterval: 10, maxInterval: 10_000, jitter: 0 } };
  const until = (wire: Wire, is: (state: ConnectionState) => boolean): Promise<unknown> => firstValueFrom(wire.state$.pipe(filter(is)));

  it('waits for the first interval when a connection is lost that came after several attempts', async () => {
    const { wire, down, up, cut, close } = pair({ client: growing });
    await until(wire, ({ status }) => status === 'connected');
    down();
    await until(wire, ({ reconnectAttempts }) => reconnectAttempts === 4);
    up();
    await until(wire, ({ status }) => status === 'connected');
    await firstValueFrom(timer(5));
    cut();
    expect(wire.state).toMatchObject({ status: 'reconnecting', reconnectAttempts: 1 });
    close();
  });

  it('does not give up however often the server announces the end of a connection', async () => {
    let opened = 0;
    const link: Link<Frame> = (outgoing) =>
      new Observable((to) => {
        to.add(outgoing.subscribe());
        to.add(
          concat(
            timer(1).pipe(map(() => welcomeFrame({ n: ++opened }))),
            of('["bye",0]'),
            throwError(() => lost),
          ).subscribe(to),
        );
      });
    const wire = connect({ link, reconnect: { ...growing.reconnect, maxRetries: 1 } });
    const { isOver } = record(wire);
    await until(wire, () => opened === 4);
    expect(isOver()).toBe(false);
    wire.unsubscribe();
  });
});

describe('a client that reconnects', () => {
  it('waits longer each time, and at most maxRetries times', async () => {
    const { client, openedAt, retries, runTo, left } = start({ reconnect: { maxRetries: 3 } }, () => throwError(() => lost));
    runTo(1_000);
    expect([openedAt, retries]).toEqual([
      [0, 10, 30, 70],
      ['1 in 10', '2 in 20', '3 in 40'],
    ]);
    expect(await client.ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', attempts: 3, cause: lost });
    expect(left()).toEqual([0, 0]);
  });

  it('ends a delay by a signal, except offline', () => {
    const signals$ = new Subject<NetworkSignal>();
    const { lose, openedAt, left } = start({ signals$ });
    lose();
    signals$.next('offline');
    expect(openedAt).toEqual([0]);
    signals$.next('online');
    signals$.next('online');
    expect([openedAt, left()]).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });

  it('ends a delay by each value of wake$, and not by signals then', () => {
    const [signals$, wake$] = [new Subject<NetworkSignal>(), new Subject<unknown>()];
    const { lose, openedAt } = start({ signals$, reconnect: { wake$ } });
    lose();
    signals$.next('online');
    expect(openedAt).toEqual([0]);
    wake$.next('offline');
    expect([openedAt, wake$.observed]).toEqual([[0, 0], false]);
  });

  it('ends a delay by a signal if wake$ is undefined', () => {
    const signals$ = new Subject<NetworkSignal>();
    const { lose, openedAt } = start({ signals$, reconnect: { wake$: undefined as never } });
    lose();
    signals$.next('online');
    expect(openedAt).toEqual([0, 0]);
  });

  it('is given up when wake$ fails', async () => {
    const error = new Error('no signals');
    const { client, lose, left } = start({ reconnect: { wake$: throwError(() => error) } });
    lose();
    expect(await client.ended).toMatchObject({ code: 'ERR_RECONNECT_GIVEN_UP', attempts: 1, cause: error });
    expect(left()).toEqual([0, 0]);
  });

  it('whose connections fail at once, and whose delays end at once, opens one after the other', () => {
    const { openedAt, left } = start({ reconnect: { wake$: new BehaviorSubject(0) } }, (index) =>
      index < 5 ? throwError(() => lost) : undefined,
    );
    expect([openedAt, left()]).toEqual([
      [0, 0, 0, 0, 0],
      [1, 0],
    ]);
  });

  it('tries again when the link throws, also after an asynchronous token', () => {
    const token$ = new Subject<string>();
    let calls = 0;
    const scheduler = new VirtualTimeScheduler();
    const throwing = (): never => {
      calls++;
      throw new Error('no link');
    };
    const layer = session(json(), { scheduler, token: () => token$, reconnect: { initialInterval: 10, jitter: 0, maxRetries: 1 } });
    const client = record(layer(throwing)(NEVER));
    token$.next('x');
    scheduler.flush();
    expect([calls, token$.observed]).toEqual([1, true]);
    token$.next('x');
    expect([calls, client.isOver()]).toEqual([2, true]);
  });

  it('tries again when the Observable of the token is empty', () => {
    let asked = 0;
    const { openedAt, runTo, retries } = start({
      token: () => (++asked === 1 ? new Observable<string>((to) => to.complete()) : of('x', 'y')),
    });
    runTo(100);
    expect([openedAt, retries]).toEqual([[10], ['1 in 10']]);
  });

  it('requests one value of the token', () => {
    const token$ = new BehaviorSubject('x');
    const { left } = start({ token: () => token$ });
    token$.next('y');
    expect([token$.observed, left()]).toEqual([false, [1, 0]]);
  });
});

describe('a connection that waits because the other side has asked for it', () => {
  it('is not opened earlier by a signal', () => {
    const scheduler = new VirtualTimeScheduler();
    const signals$ = new Subject<NetworkSignal>();
    const openedAt: number[] = [];
    const link: Link<Frame> = (outgoing) =>
      new Observable((to) => {
        openedAt.push(scheduler.now());
        to.add(outgoing.subscribe());
        to.add(timer(1, scheduler).subscribe(() => [welcomeFrame(), '["bye",50]'].forEach((frame) => to.next(frame))));
        to.add(timer(2, scheduler).subscribe(() => to.error(lost)));
      });
    const client = record(session(json(), { scheduler, microtask: scheduler, signals$ })(link)(NEVER));
    scheduler.maxFrames = 3;
    scheduler.flush();
    signals$.next('online');
    signals$.next('online');
    expect(openedAt).toEqual([0]);
    scheduler.maxFrames = 51;
    scheduler.flush();
    expect(openedAt).toEqual([0, 51]);
    client.subscription.unsubscribe();
    expect(signals$.observed).toBe(false);
  });

  it('is opened after a token function, or a link, that throws behind the pause', () => {
    const scheduler = new VirtualTimeScheduler();
    const openedAt: number[] = [];
    let asked = 0;
    const token = (): string => {
      if (++asked === 2) throw new Error('no token');
      return 'token';
    };
    const link: Link<Frame> = (outgoing) => {
      openedAt.push(scheduler.now());
      if (openedAt.length === 2) throw new Error('no link');
      return new Observable((to) => {
        to.add(outgoing.subscribe());
        if (openedAt.length > 1) return;
        [welcomeFrame(), '["bye",50]'].forEach((frame) => to.next(frame));
        to.add(timer(1, scheduler).subscribe(() => to.error(lost)));
      });
    };
    const reconnect = { initialInterval: 10, jitter: 0 };
    const client = record(session(json(), { scheduler, microtask: scheduler, token, reconnect })(link)(NEVER));
    scheduler.maxFrames = 1_000;
    scheduler.flush();
    expect([asked, openedAt.length]).toEqual([4, 3]);
    expect(client.isOver()).toBe(false);
    client.subscription.unsubscribe();
  });
});

it('waits by the clock of the session if the scheduler of reconnect is undefined', () => {
  const { client, runTo, openedAt } = start({ reconnect: { scheduler: undefined } as never }, (index) =>
    index === 1 ? throwError(() => lost) : undefined,
  );
  runTo(100);
  expect(openedAt).toEqual([0, 10]);
  client.subscription.unsubscribe();
});

it('ends without a connection when its outbox tells at once that it has another owner', async () => {
  const outbox = { ...scriptedOutbox({}), faults$: of(new StoreError('outbox', 'fenced')) };
  const { client, runTo, openedAt, left } = start({ outbox });
  runTo(1_000);
  expect(await client.ended).toMatchObject({ code: 'ERR_STORE', fault: 'fenced' });
  expect([openedAt, left()]).toEqual([[], [0, 0]]);
  expect(await record(connect({ link: () => NEVER, outbox })).ended).toMatchObject({ code: 'ERR_STORE' });
});
