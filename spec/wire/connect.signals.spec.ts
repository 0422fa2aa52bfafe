import {
  BehaviorSubject,
  concat,
  config,
  EMPTY,
  from,
  Observable,
  of,
  Subject,
  takeUntil,
  throwError,
  timer,
  VirtualTimeScheduler,
} from 'rxjs';
import type { RxwireError } from '../../lib/message/errors.js';
import type { NetworkSignal } from '../../lib/wire/session/networkSignals.js';
import { connect } from '../../lib/wire/connect.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import { eventually } from '../support/eventually.js';
import { record } from '../support/record.js';
import { network } from '../support/sessionPair.js';
import { cuttableLinks } from './wires.js';

/** A client whose platform says what we want, and a server that is heard each 100 ms, in virtual time. */
function start(given?: Observable<NetworkSignal>) {
  const scheduler = new VirtualTimeScheduler();
  const times = { scheduler, microtask: scheduler };
  const net = network(times);
  const signals$ = new Subject<NetworkSignal>();
  net.serve({ pingInterval: 100 }, (wire) => wire.subscribe());
  const reconnect = { initialInterval: 10_000, jitter: 0 };
  const wire = net.connect({ signals$: given ?? signals$, reconnect });
  wire.subscribe({ error: () => undefined });
  const runTo = (time: number): void => {
    scheduler.maxFrames = time;
    scheduler.flush();
  };
  return { ...net, wire, signals$, runTo };
}

describe('connect: signals$', () => {
  it.each<[NetworkSignal, status: string]>([
    ['online', 'connected'],
    ['awake', 'connected'],
    ['offline', 'reconnecting'],
  ])('%s, while it waits for the next attempt: %s', (signal, status) => {
    const { wire, cut, runTo, signals$ } = start();
    runTo(10);
    cut();
    runTo(20);
    expect(wire.state.status).toBe('reconnecting');
    signals$.next(signal);
    runTo(30);
    expect(wire.state.status).toBe(status);
    runTo(10_100);
    expect(wire.state.status).toBe('connected');
    wire.unsubscribe();
  });

  it('ends only a wait: an attempt in progress continues', () => {
    const { wire, cut, opened, runTo, signals$ } = start();
    runTo(10);
    cut();
    runTo(20);
    for (let time = 0; time < 3; time++) signals$.next('online');
    runTo(30);
    signals$.next('online');
    runTo(40);
    expect([wire.state.status, opened()]).toEqual(['connected', 2]);
    wire.unsubscribe();
    expect(signals$.observed).toBe(false);
  });

  it('asks the other side at once: what has gone without a word is found out within two and a half intervals', () => {
    const { wire, silence, runTo, signals$ } = start();
    runTo(310);
    silence(true);
    signals$.next('offline');
    runTo(560);
    expect(wire.state).toMatchObject({ status: 'reconnecting', error: { closeCode: 4411 } });
    wire.unsubscribe();
  });

  it('also ends a wait of a wire that speaks envelopes', () => {
    const scheduler = new VirtualTimeScheduler();
    const signals$ = new Subject<NetworkSignal>();
    const { near, cut } = cuttableLinks();
    const options = {
      link: near,
      protocol: envelopeProtocol,
      reconnect: { initialInterval: 10_000, jitter: 0 },
      scheduler,
      signals$,
    } as const;
    let retries = 0;
    const onRetry = (): unknown => retries++;
    const wire = connect({ ...options, reconnect: { ...options.reconnect, onRetry } });
    wire.subscribe({ error: () => undefined });
    cut();
    signals$.next('awake');
    cut();
    expect(retries).toBe(2);
    wire.unsubscribe();
  });
});

describe('connect: signals$ of the program', () => {
  const boom = new Error('boom');
  const later = (): Subject<NetworkSignal> => new Subject();

  it.each<[string, () => Observable<NetworkSignal>]>([
    ['fails at once', () => throwError(() => boom)],
    [
      'fails later',
      () =>
        concat(
          later().pipe(takeUntil(timer(0))),
          throwError(() => boom),
        ),
    ],
    ['throws', () => new Observable(() => { throw boom; })], // prettier-ignore
    [
      'fails for each subscriber, after a value',
      () =>
        concat(
          of('online' as const),
          throwError(() => boom),
        ),
    ],
  ])('that %s is reported once, and the wire and its state continue', async (_, create) => {
    const { wire, cut, runTo, uncaught, client } = watched(create());
    await eventually(() => expect(client.errors).toHaveLength(1));
    expect(client.errors).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'signals$', cause: boom }]);
    runTo(10);
    cut();
    runTo(20);
    runTo(10_100);
    expect([wire.state.status, client.state.isOver()]).toEqual(['connected', false]);
    expect([client.errors.filter(({ code }) => code === 'ERR_CALLBACK').length, uncaught]).toEqual([1, []]);
    wire.unsubscribe();
  });

  it('that are no Observable end no connection', async () => {
    const { wire, runTo, client } = watched({ on: () => undefined } as never);
    await eventually(() => expect(client.errors).toMatchObject([{ code: 'ERR_CALLBACK', callback: 'signals$' }]));
    runTo(10);
    expect(wire.state.status).toBe('connected');
    wire.unsubscribe();
  });

  it.each<[string, () => Observable<NetworkSignal>]>([
    ['emits its last value to each subscriber', () => new BehaviorSubject<NetworkSignal>('online')],
    ['completes', () => of('online')],
    ['is empty', () => EMPTY],
    ['emits other values', () => from([undefined as never, {} as never])],
  ])('that %s shortens no delay', (_, create) => {
    const { wire, cut, opened, runTo } = watched(create());
    runTo(10);
    cut();
    runTo(5_000);
    expect([wire.state.status, opened()]).toEqual(['reconnecting', 1]);
    runTo(10_100);
    expect(wire.state.status).toBe('connected');
    wire.unsubscribe();
  });

  /** A client of such signals, and what it reports. */
  function watched(signals$: Observable<NetworkSignal>) {
    const started = start(signals$);
    const errors: RxwireError[] = [];
    started.wire.errors$.subscribe((error) => errors.push(error));
    return { ...started, uncaught, client: { errors, state: record(started.wire.state$) } };
  }
  const uncaught: unknown[] = [];
  beforeEach(() => {
    uncaught.length = 0;
    config.onUnhandledError = (error) => uncaught.push(error);
  });
  afterEach(() => {
    config.onUnhandledError = null;
  });
});

describe('wire.state', () => {
  afterEach(() => Reflect.deleteProperty(globalThis, 'navigator'));
  const setOnline = (onLine: boolean): void => {
    Object.defineProperty(globalThis, 'navigator', { value: { onLine }, configurable: true });
  };

  it('says that there is no network, from when the platform says so', () => {
    const { wire, runTo, signals$ } = start();
    const state = record(wire.state$);
    runTo(10);
    expect(wire.state).not.toHaveProperty('isOffline');
    setOnline(false);
    signals$.next('offline');
    expect(state.values.at(-1)).toMatchObject({ status: 'connected', isOffline: true });
    setOnline(true);
    signals$.next('online');
    expect(state.values.at(-1)).not.toHaveProperty('isOffline');
    wire.unsubscribe();
  });
});
