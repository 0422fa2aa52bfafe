import { Subject, VirtualTimeScheduler } from 'rxjs';
import type { NetworkSignal } from '../../lib/wire/session/networkSignals.js';
import { connect } from '../../lib/wire/connect.js';
import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import { record } from '../support/record.js';
import { network } from '../support/sessionPair.js';
import { cuttableLinks } from './wires.js';

/** A client whose platform says what we want, and a server that is heard each 100 ms, in virtual time. */
function start() {
  const scheduler = new VirtualTimeScheduler();
  const times = { scheduler, microtask: scheduler };
  const net = network(times);
  const signals$ = new Subject<NetworkSignal>();
  net.serve({ pingInterval: 100 }, (wire) => wire.subscribe());
  const reconnect = { initialInterval: 10_000, jitter: 0 };
  const wire = net.connect({ signals$, reconnect });
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
