/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment -- Angular's injectors are not made by their constructors */
import {
  createEnvironmentInjector,
  Injector,
  InjectionToken,
  NgZone,
  PLATFORM_ID,
  runInInjectionContext,
  type EnvironmentInjector,
  type Provider,
} from '@angular/core';
import { defer, of, Subscription, take } from 'rxjs';
import { injectConnection, injectMessages, injectWire, provideWire, type ProvideWireOptions } from '../../../lib/adapters/angular/index.js';
import { inZone } from '../../../lib/adapters/angular/inZone.js';
import { connect, createMessage, memoryLink, type Frame, type Wire } from '../../../lib/index.js';
import { serve } from '../../../lib/server/index.js';
import { eventually } from '../../examples/consoleSupport.js';

/** What runs inside of Angular's zone, and what outside, as zone.js would have it. */
class SpyZone {
  isInside = false;
  run<T>(work: () => T): T {
    return this.#within(true, work);
  }
  runOutsideAngular<T>(work: () => T): T {
    return this.#within(false, work);
  }
  #within<T>(isInside: boolean, work: () => T): T {
    const before = this.isInside;
    this.isInside = isInside;
    try {
      return work();
    } finally {
      this.isInside = before;
    }
  }
}

const injectors: EnvironmentInjector[] = [];
const open = new Subscription();
afterEach(() => {
  injectors.splice(0).forEach((injector) => injector.destroy());
});
afterAll(() => open.unsubscribe());

function bootstrap(make: () => Wire, options: ProvideWireOptions = {}, providers: Provider[] = []) {
  const zone = new SpyZone();
  const all = [{ provide: NgZone, useValue: zone }, ...providers, provideWire(make, options)];
  // Angular has no other root that needs no platform.
  const injector = createEnvironmentInjector(all, Injector.NULL as EnvironmentInjector);
  injectors.push(injector);
  const ask = <T>(work: () => T, parent: EnvironmentInjector = injector): T => runInInjectionContext(parent, work);
  return { zone, injector, ask };
}

/** A client's wire over memory, and the server's end of it. */
function pair() {
  const [near, far] = memoryLink<Frame>();
  const ends: Wire[] = [];
  const serving = serve(of(far)).subscribe((wire) => {
    ends.push(wire);
    wire.subscribe();
    open.add(wire);
  });
  open.add(serving);
  const make = (): Wire => {
    const wire = connect({ link: near });
    open.add(wire);
    return wire;
  };
  return { make, ends };
}

describe('provideWire', () => {
  it('creates the wire once, at its first injection, outside of the zone', () => {
    const { make } = pair();
    let made = 0;
    let isInside: boolean | undefined;
    const { zone, ask } = bootstrap(() => {
      made++;
      isInside = zone.isInside;
      return make();
    });
    expect(made).toBe(0);
    zone.run(() => expect(ask(() => injectWire())).toBe(ask(() => injectWire())));
    expect([made, isInside]).toEqual([1, false]);
  });

  it('lets the wire drain and close with the injector', async () => {
    const { make, ends } = pair();
    const { injector, ask } = bootstrap(make);
    const wire = ask(() => injectWire());
    const seen: unknown[] = [];
    await eventually(() => wire.state.status === 'connected');
    ends[0]!.subscribe(({ payload }) => seen.push(payload));
    wire.next(createMessage('note', 'last words'));
    injectors.pop();
    injector.destroy();
    await eventually(() => wire.state.status === 'disconnected');
    expect(seen).toEqual(['last words']);
  });

  it('provides several, each under a token of its own', () => {
    const OTHER = new InjectionToken<Wire>('other');
    const [one, two] = [pair(), pair()];
    const { injector, ask } = bootstrap(one.make);
    const child = createEnvironmentInjector([provideWire(two.make, { token: OTHER })], injector);
    injectors.unshift(child);
    expect(ask(() => injectWire(OTHER), child)).not.toBe(ask(() => injectWire(), child));
  });

  it('does not connect while a page is rendered on the server, unless an option allows it', () => {
    let made = 0;
    const make = (): Wire => {
      made++;
      return pair().make();
    };
    const onServer = [{ provide: PLATFORM_ID, useValue: 'server' }];
    const { ask } = bootstrap(make, {}, onServer);
    expect(ask(() => injectWire()).state.status).toBe('connecting');
    expect(made).toBe(0);
    bootstrap(make, { connectOnServer: true }, onServer).ask(() => injectWire());
    expect(made).toBe(1);
  });
});

describe('provideWire on the server', () => {
  it('ends the wire at once, without an error, when a page has sent messages', async () => {
    const { injector, ask } = bootstrap(() => pair().make(), {}, [{ provide: PLATFORM_ID, useValue: 'server' }]);
    const wire = ask(() => injectWire());
    const errors: unknown[] = [];
    wire.subscribe({ error: (error: unknown) => errors.push(error) });
    const sent = wire.send(createMessage('note', 'rendered on the server'));
    injectors.pop();
    injector.destroy();
    await expect(sent).rejects.toMatchObject({ code: 'ERR_DROPPED' });
    expect([wire.state.status, errors]).toEqual(['disconnected', []]);
  });
});

describe('injectMessages', () => {
  it('emits inside of the zone, until the injecting object is destroyed', async () => {
    const { make, ends } = pair();
    const { zone, injector, ask } = bootstrap(make);
    const component = createEnvironmentInjector([], injector);
    const seen: [string, boolean][] = [];
    let isOver = false;
    ask(() => injectMessages('note', 'other'), component).subscribe({
      next: ({ payload }) => seen.push([String(payload), zone.isInside]),
      complete: () => (isOver = true),
    });
    await eventually(() => ends.length > 0);
    for (const type of ['note', 'strange', 'other']) ends[0]!.next(createMessage(type, type));
    await eventually(() => seen.length === 2);
    expect(seen).toEqual([
      ['note', true],
      ['other', true],
    ]);
    component.destroy();
    expect(isOver).toBe(true);
  });

  it('passes the error of a wire that has failed on', async () => {
    const { ask } = bootstrap(pair().make);
    const seen: unknown[] = [];
    const error = new Error('gone');
    const wire = ask(() => injectWire());
    ask(() => injectMessages('note')).subscribe({ error: (reason) => seen.push(reason) });
    wire.error(error);
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([error]);
  });
});

describe('injectConnection', () => {
  it('is a signal of how the wire is', async () => {
    const { make } = pair();
    const { ask } = bootstrap(make);
    const connection = ask(() => injectConnection());
    expect(connection().status).toBe('connecting');
    await eventually(() => connection().status === 'connected');
    ask(() => injectWire()).complete();
    await eventually(() => connection().status === 'disconnected');
  });
});

describe('inZone', () => {
  it('emits inside of the zone what its source emits outside; a subscriber may unsubscribe during an emission', () => {
    const zone = new SpyZone();
    const seen: unknown[] = [];
    const source = defer(() => {
      seen.push(['subscribed', zone.isInside]);
      return of(1, 2, 3);
    });
    zone.run(() =>
      source.pipe(inZone(zone as unknown as NgZone), take(2)).subscribe({
        next: (value) => seen.push([value, zone.isInside]),
        complete: () => seen.push(['complete', zone.isInside]),
      }),
    );
    expect(seen).toEqual([
      ['subscribed', false],
      [1, true],
      [2, true],
      ['complete', true],
    ]);
  });
});
