import { defer, delay, finalize, map, of, type Observable } from 'rxjs';
import { createMessage, hub, liveState, memoryChannelLog, type ChannelPosition, type ChannelSnapshot } from 'rxwire';
import { testWire } from 'rxwire/testing';

export const lines = {
  source: '-a-b------c---d-e-------f---',
  link: '------------x-----o---------',
  unsub: '------------------------------!',
};
export const outputs = ['loaded'];
export const options = { takes: 4, maxMessages: 10 };

/** The server publishes the letters of `source`: the state is their number. In `link`, `x` cuts the network, and `o` opens it. `load` takes `takes` ms. */
export const pipeline =
  ({ takes, maxMessages }: typeof options) =>
  (source: Observable<string>, { link, loaded }: { link: Observable<string> } & Record<'loaded', (state: string) => void>) => {
    const log = memoryChannelLog({ maxMessages });
    let stored: ChannelSnapshot<number> = { state: 0, position: 'start' };
    source.subscribe((letter) => {
      const position = log.append('letters', createMessage('letter', letter)) as ChannelPosition;
      stored = { state: stored.state + 1, position };
    });
    const reconnect = { initialInterval: 1, maxInterval: 1 };
    const { wire, cut, restore, close } = testWire({ serve: hub({ log }).serve, reconnect });
    link.subscribe((event) => (event === 'x' ? cut() : restore()));
    const load = () =>
      defer(() => {
        loaded(String(stored.state));
        return of(stored).pipe(delay(takes));
      });
    const reduce = (count: number) => count + 1;
    return liveState(wire, 'letters', { load, reduce, retry: { initialInterval: 1, jitter: 0 } }).pipe(map(String), finalize(close));
  };
