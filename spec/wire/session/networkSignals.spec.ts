import { isOffline, networkSignals } from '../../../lib/wire/session/networkSignals.js';
import { record } from '../../support/record.js';

/** What a browser has, and Node has not. */
function browser(hasDocument = true) {
  const [page, inner] = [new EventTarget(), new EventTarget()];
  let listeners = 0;
  const counted = (target: EventTarget) => ({
    addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listeners++;
      target.addEventListener(...args);
    },
    removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listeners--;
      target.removeEventListener(...args);
    },
  });
  const document = { visibilityState: 'visible', ...counted(inner) };
  Object.assign(globalThis, counted(page), hasDocument && { document });
  return {
    document,
    listeners: () => listeners,
    happen: (name: string, where: 'page' | 'document' = 'page'): boolean =>
      (where === 'page' ? page : inner).dispatchEvent(new Event(name)),
  };
}

describe('the signals of a page', () => {
  const network = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  afterEach(() => {
    for (const name of ['addEventListener', 'removeEventListener', 'document']) Reflect.deleteProperty(globalThis, name);
    if (network) Object.defineProperty(globalThis, 'navigator', network);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });

  it('are none on Node', async () => {
    const signals = record(networkSignals);
    expect([await signals.ended, signals.values, isOffline()]).toEqual(['complete', [], false]);
  });

  it('report the network, and a page that is visible again', () => {
    const { happen, document, listeners } = browser();
    const signals = record(networkSignals);
    happen('offline');
    happen('online');
    document.visibilityState = 'hidden';
    happen('visibilitychange', 'document');
    happen('freeze', 'document');
    expect(signals.values).toEqual(['offline', 'online']);
    happen('resume', 'document');
    document.visibilityState = 'visible';
    happen('visibilitychange', 'document');
    happen('pageshow');
    expect(signals.values).toEqual(['offline', 'online', 'awake', 'awake', 'awake']);
    signals.subscription.unsubscribe();
    expect(listeners()).toBe(0);
  });

  it('report the network in a worker, which has no document', () => {
    const { happen, listeners } = browser(false);
    const signals = record(networkSignals);
    happen('offline');
    happen('online');
    happen('pageshow');
    expect([signals.values, listeners()]).toEqual([['offline', 'online'], 2]);
  });

  it.each([
    [true, false],
    [false, true],
    [undefined, false],
  ])('onLine: %j', (onLine, expected) => {
    Object.defineProperty(globalThis, 'navigator', { value: { onLine }, configurable: true });
    expect(isOffline()).toBe(expected);
  });
});
