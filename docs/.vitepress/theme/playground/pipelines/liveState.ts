import { defer, delay, finalize, of, type Observable } from 'rxjs';
import { createMessage, hub, liveState, memoryChannelLog, type ChannelPosition, type ChannelSnapshot } from 'rxwire';
import { testWire } from 'rxwire/testing';

export const lines = {
  source: '-a-b------c---d-e-------f---',
  link: '------------x-----o---------',
  unsub: '------------------------------!',
};
export const outputs = ['loaded'];
export const options = { takes: 4, maxMessages: 10 };

/** The server publishes the letters of `source`. In `link`, `x` cuts the network of the client, and `o` opens it. `load` takes `takes` ms. */
export const pipeline =
  ({ takes, maxMessages }: typeof options) =>
  (source: Observable<string>, { link, loaded }: { link: Observable<string> } & Record<'loaded', (state: string) => void>) => {
    const log = memoryChannelLog({ maxMessages });
    let stored: ChannelSnapshot<string> = { state: '', position: 'start' };
    source.subscribe((letter) => {
      const position = log.append('letters', createMessage('letter', letter)) as ChannelPosition;
      stored = { state: stored.state + letter, position };
    });
    const reconnect = { initialInterval: 1, maxInterval: 1 };
    const { wire, cut, restore, close } = testWire({ serve: hub({ log }).serve, reconnect });
    link.subscribe((event) => (event === 'x' ? cut() : restore()));
    const load = () =>
      defer(() => {
        loaded(stored.state);
        return of(stored).pipe(delay(takes));
      });
    const reduce = (state: string, { payload }: { readonly payload: unknown }) => state + String(payload);
    return liveState(wire, 'letters', { load, reduce, retry: { initialInterval: 1, jitter: 0 } }).pipe(finalize(close));
  };
