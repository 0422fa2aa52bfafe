import { filter, interval, map, scan, startWith, tap, withLatestFrom } from 'rxjs';
import { createMessage, MessagePriority, type Wire } from 'rxwire';
import { BARS, drawBars } from './bars.js';
import { byId, setText } from './dom.js';

/** Shows the latency now, and second by second as bars; a second without a connection is a mark of another colour. */
export function showLatency(wire: Wire): void {
  const latency$ = wire.receipts$.pipe(
    map(({ latency }) => latency),
    filter((latency) => latency !== undefined),
    tap((latency) => setText(byId('latency'), latency < 1 ? '< 1 ms' : `${Math.round(latency)} ms`)),
  );
  interval(1_000)
    .pipe(
      tap(() => measure(wire)),
      withLatestFrom(latency$),
      map(([, latency]) => (wire.state.status === 'connected' ? latency : undefined)),
      scan((bars, latency) => [...bars.slice(1 - BARS), latency], [] as (number | undefined)[]),
      startWith([]),
    )
    .subscribe(draw);
}

/** Sends something to be acked. Not from a page that nobody sees: browsers slow its clock down. */
function measure(wire: Wire): void {
  if (wire.state.status !== 'connected' || document.hidden) return;
  wire.next(createMessage('system.ping', { timestamp: Date.now() }, { priority: MessagePriority.LOW }));
}

function draw(bars: readonly (number | undefined)[]): void {
  const known = bars.filter((latency) => latency !== undefined);
  // Less than 4 ms is noise: it should not look like a mountain.
  const top = Math.max(4, ...known);
  drawBars('spark', bars, (latency) => Math.sqrt(latency / top));
}
