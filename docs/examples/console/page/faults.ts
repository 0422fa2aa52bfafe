import {
  catchError,
  concat,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  fromEvent,
  ignoreElements,
  interval,
  map,
  merge,
  noop,
  of,
  startWith,
  switchMap,
  takeUntil,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import { createMessage, type Wire } from 'rxwire';
import type { LinkFaults } from 'rxwire/testing';
import { byId, setText, the } from './dom.js';
import { entry } from './events.js';
import { range, type Fault } from './faultWords.js';
import type { Entry } from './timeline.js';
import { transportNames, type ChosenTransport, type Transport } from './transports.js';

export interface FaultControls {
  readonly wire: Wire;
  readonly faults: LinkFaults;
  readonly transports: ChosenTransport;
  /** Resets the TCP connection of the page at the server. Rejects, or resolves with false, when that is not possible. */
  readonly cut: () => Promise<boolean>;
}

/** An action of the user: its entry in the timeline, and the fault that it caused; none when it has ended a fault. */
export interface FaultEvent {
  readonly entry: Entry;
  readonly fault?: Fault;
}

type Network = 'up' | 'black hole' | 'offline';

/** The controls that break things. Emits what the user breaks, and mends. */
export function faultEvents(controls: FaultControls): Observable<FaultEvent> {
  return merge(cuts(controls), network(controls.faults), lags(controls.faults), transportChanges(controls), kills(controls.wire));
}

/** A button that cannot be used now keeps the focus: it is not disabled. */
export function setUsable(id: string, isUsable: boolean): void {
  byId(id).ariaDisabled = String(!isUsable);
}

const clicksOf = (id: string): Observable<unknown> => fromEvent(byId(id), 'click').pipe(filter(() => byId(id).ariaDisabled !== 'true'));

/** Tells of a fault, then makes it. */
const made = (fault: Fault, text: string, make: () => void = noop): Observable<FaultEvent> =>
  concat(
    of({ fault, entry: entry('bad', text) }),
    defer(() => {
      make();
      return EMPTY;
    }),
  );

/** To both ends, it looks like an accident. */
function cuts({ cut }: FaultControls): Observable<FaultEvent> {
  const failed$ = defer(cut).pipe(
    filter((isCut) => !isCut),
    map(() => ({ entry: entry('bad', 'There was nothing to cut') })),
    catchError(() => of({ entry: entry('bad', 'The server does not answer') })),
  );
  return clicksOf('cut').pipe(exhaustMap(() => concat(made('cut', 'You cut the connection'), failed$)));
}

/** The black hole and the offline time end each other. */
function network(faults: LinkFaults): Observable<FaultEvent> {
  const toggle = (id: string, network: Network): Observable<Network> =>
    clicksOf(id).pipe(map(() => (byId(id).ariaPressed === 'true' ? 'up' : network)));
  const restored$ = defer(() => {
    faults.restore();
    setText(byId('fault-left'), '');
    return of<FaultEvent>({ entry: entry('plain', 'The network is back') });
  });
  const act = (network: Network): Observable<FaultEvent> => {
    for (const [id, name] of [
      ['black-hole', 'black hole'],
      ['offline', 'offline'],
    ] as const)
      byId(id).ariaPressed = String(name === network);
    if (network === 'up') return restored$;
    setText(byId('fault-left'), '');
    if (network === 'black hole') return made('black hole', 'You made a black hole: each frame disappears', () => faults.blackhole());
    const seconds = Number(the('offline-time', HTMLSelectElement).value);
    const ended$ = timer(seconds * 1_000);
    const countdown$ = interval(100).pipe(
      startWith(-1),
      tap((tick) => setText(byId('fault-left'), `${(seconds - (tick + 1) / 10).toFixed(1)} s left`)),
      takeUntil(ended$),
      ignoreElements(),
    );
    const back$ = defer(() => {
      byId('offline').ariaPressed = 'false';
      return restored$;
    });
    return concat(
      made('offline', `You went offline for ${seconds} s`, () => faults.cut()),
      countdown$,
      back$,
    );
  };
  return merge(toggle('black-hole', 'black hole'), toggle('offline', 'offline')).pipe(switchMap(act));
}

function lags(faults: LinkFaults): Observable<FaultEvent> {
  const [lag, jitter] = [the('lag', HTMLSelectElement), the('jitter', HTMLSelectElement)];
  return merge(fromEvent(lag, 'change'), fromEvent(jitter, 'change')).pipe(
    map(() => {
      faults.lag(Number(lag.value), Number(jitter.value));
      const { most, ...rest } = lagNow();
      const text = most === 0 ? 'The lag is gone' : `Each frame takes ${range({ ...rest, most })} longer`;
      return { entry: entry(most === 0 ? 'plain' : 'wait', text) };
    }),
  );
}

export function lagNow(): { readonly least: number; readonly most: number } {
  const least = Number(the('lag', HTMLSelectElement).value);
  return { least, most: least + Number(the('jitter', HTMLSelectElement).value) };
}

function transportChanges({ transports, faults }: FaultControls): Observable<FaultEvent> {
  return fromEvent(byId('transports'), 'change').pipe(
    switchMap(() => {
      const transport = byId('transports').querySelector<HTMLInputElement>('input:checked')?.value as Transport;
      transports.choose(transport);
      return made('transport', `You changed the transport to ${transportNames[transport]}`, () => faults.drop());
    }),
  );
}

function kills(wire: Wire): Observable<FaultEvent> {
  const forget = (): void => wire.next(createMessage('session.forget', null, { delivery: 'at-most-once' }));
  return merge(
    clicksOf('kill-session').pipe(switchMap(() => made('session', 'You killed the session: the server forgets this page', forget))),
    // The run that is shown is killed where it is shown.
    clicksOf('kill-run').pipe(switchMap(() => made('program', 'You killed the process of the program'))),
  );
}
