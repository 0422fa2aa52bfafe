import { distinctUntilChanged, ignoreElements, map, merge, tap, type Observable } from 'rxjs';
import type { Wire } from 'rxwire';
import type { LinkFaults } from 'rxwire/testing';
import { byId, setText } from './dom.js';
import { lagNow, setUsable, type FaultEvent } from './faults.js';
import { describeSituation, type Fault } from './faultWords.js';
import type { RunDelivery } from './program.js';
import { markStep } from './steps.js';

export interface FaultPanel {
  /** A run is shown, or has got on: how its messages arrive. */
  readonly showDelivery: (delivery: RunDelivery) => void;
  /** Completes with the wire. */
  readonly changes$: Observable<never>;
}

/** Says in words what is happening, and counts what was lost. */
export function createFaultPanel(wire: Wire, faults: LinkFaults, events$: Observable<FaultEvent>): FaultPanel {
  let fault: Fault | undefined;
  let [lostAt, away] = [0, 0];
  let [wasLost, isBack] = [false, false];
  let shown: RunDelivery = { received: 0, resent: 0, lost: 0, doubled: 0 };
  let resentBefore = 0;

  const draw = (): void => {
    const isConnected = wire.state.status === 'connected';
    const isRunning = byId('stop').ariaDisabled !== 'true';
    const { condition } = faults;
    const counts = { ...shown, resent: Math.max(0, shown.resent - resentBefore) };
    const { kind, text } = describeSituation({ condition, isConnected, isRunning, fault, wasLost, away, counts, lag: lagNow() });
    byId('now').dataset['kind'] = kind;
    setText(byId('now-text'), text);
    setUsable('cut', isConnected && condition === 'up');
    setUsable('kill-session', isConnected && condition === 'up');
  };
  const begin = (next: Fault): void => {
    fault = next;
    [lostAt, wasLost, isBack] = [Date.now(), false, false];
    resentBefore = shown.resent;
  };
  const made$ = events$.pipe(
    tap(({ fault: next }) => {
      if (next === undefined) return;
      begin(next);
      markStep('break');
    }),
  );
  const status$ = wire.state$.pipe(
    map(({ status }) => status),
    distinctUntilChanged(),
    tap((status) => {
      if (status === 'disconnected') {
        // Not by a fault of this page: the server may be gone.
        if (fault === undefined || fault === 'program' || isBack) begin('offline');
        wasLost = true;
      }
      if (status !== 'connected' || !wasLost || isBack) return;
      [away, isBack] = [Date.now() - lostAt, true];
      if (shown.received > 0) markStep('compare');
    }),
  );

  return {
    showDelivery(delivery) {
      shown = delivery;
      // Another run is shown.
      if (delivery.received === 0) resentBefore = 0;
      for (const name of ['received', 'resent', 'lost', 'doubled'] as const) setText(byId(name), delivery[name].toLocaleString('en'));
      for (const name of ['lost', 'doubled'] as const) byId(name).dataset['good'] = String(delivery[name] === 0);
      draw();
    },
    changes$: merge(made$, status$, faults.condition$).pipe(tap(draw), ignoreElements()),
  };
}
