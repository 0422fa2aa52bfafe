import { jest } from '@jest/globals';
import { defer, delay, map, merge, Subject, takeUntil, tap } from 'rxjs';
import { ConnectionLostError } from '../../../lib/message/errors.js';
import type { Link } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import type { Message } from '../../../lib/message/types.js';
import { envelopes } from '../../../lib/wire/envelope/envelopes.js';
import { seeded } from '../../support/seeded.js';
import { record } from '../../support/record.js';
import { message, wait } from './envelopeSession.js';

/** Two sessions as peers, over links that lose what is on its way whenever they are cut. */
function pair(random: () => number) {
  const [near, far] = memoryLink<readonly Message[]>();
  const cut$ = new Subject<void>();
  const cuttable =
    (link: Link<readonly Message[]>): Link<readonly Message[]> =>
    (outgoing) =>
      defer(() => {
        const end$ = new Subject<void>();
        const lost$ = cut$.pipe(
          map(() => {
            throw new ConnectionLostError(1006, 'cut');
          }),
        );
        return merge(link(outgoing).pipe(delay(3), tap({ complete: () => end$.next() })), lost$).pipe(takeUntil(end$));
      });
  const end = (link: Link<readonly Message[]>) => {
    const outgoing = new Subject<Message>();
    const layer = envelopes({ window: 8, ackTimeout: 40, maxRetries: 50, reconnect: { initialInterval: 5, maxInterval: 20, random } });
    return { outgoing, received: record(layer(cuttable(link))(outgoing)) };
  };
  return { ends: [end(near), end(far)] as const, cut: (): void => cut$.next() };
}

describe('envelopes, whatever happens', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it.each(Array.from({ length: 40 }, (_, seed) => seed))('delivers all, once, in order (seed %d)', async (seed) => {
    const random = seeded(seed);
    const { ends, cut } = pair(random);
    const sent: [string[], string[]] = [[], []];
    for (let step = 0; step < 150; step++) {
      const dice = random();
      if (dice < 0.15) cut();
      else if (dice < 0.6) await wait(Math.floor(random() * 30));
      else {
        const side = random() < 0.5 ? 0 : 1;
        for (let burst = Math.ceil(random() * 12); burst > 0; burst--) {
          const id = `${side}-${sent[side].length}`;
          sent[side].push(id);
          ends[side].outgoing.next(message(id));
        }
      }
    }
    const [near, far] = ends;
    // Who says goodbye leaves the other with what it has still to send.
    await wait(60_000);
    near.outgoing.complete();
    await wait(60_000);
    expect(near.received.values.map(({ id }) => id)).toEqual(sent[1]);
    expect(far.received.values.map(({ id }) => id)).toEqual(sent[0]);
    expect([await near.received.ended, await far.received.ended]).toEqual(['complete', 'complete']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
