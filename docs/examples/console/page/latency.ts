import { filter, interval, map, scan, startWith, tap } from 'rxjs';
import { createMessage, MessagePriority, type Wire } from 'rxwire';
import { BARS, drawBars } from './bars.js';
import { byId, setText } from './dom.js';
import { niceTop, percentile } from './percentile.js';

/** The percentiles are those of so many latest acks. */
const SAMPLES = 1_000;

const PERCENTILES = [50, 95, 99];

/** Shows the latency now, its percentiles, and its maximum second by second as bars; a second without an ack is a mark of another colour. */
export function showLatency(wire: Wire): void {
  let samples: readonly number[] = [];
  let highest: number | undefined;
  // Not `latency$`: a subscriber of receipts gets its acks at once, and a page that is closed has nothing in flight then.
  wire.receipts$.subscribe(({ latency }) => {
    if (latency === undefined) return;
    samples = [...samples.slice(1 - SAMPLES), latency];
    highest = Math.max(highest ?? 0, latency);
  });
  interval(1_000)
    .pipe(
      filter(() => !document.hidden),
      map(() => {
        const bar = highest;
        highest = undefined;
        measure(wire);
        return bar;
      }),
      tap(() => samples.length > 0 && showNumbers(samples)),
      scan((bars, latency) => [...bars.slice(1 - BARS), latency], [] as (number | undefined)[]),
      startWith([]),
    )
    .subscribe(draw);
}

/** Sends something to be acked. */
function measure(wire: Wire): void {
  if (wire.state.status !== 'connected') return;
  wire.next(createMessage('system.ping', { timestamp: Date.now() }, { priority: MessagePriority.LOW }));
}

function showNumbers(samples: readonly number[]): void {
  setText(byId('latency'), describe(samples.at(-1) ?? 0));
  const sorted = [...samples].sort((a, b) => a - b);
  for (const percent of PERCENTILES) setText(byId(`p${percent}`), describe(percentile(sorted, percent)));
}

function draw(bars: readonly (number | undefined)[]): void {
  const top = niceTop(Math.max(0, ...bars.filter((latency) => latency !== undefined)));
  setText(byId('spark-top'), describe(top));
  drawBars('spark', bars, (latency) => latency / top);
}

function describe(latency: number): string {
  if (latency < 1) return '< 1 ms';
  return latency < 1_000 ? `${Math.round(latency)} ms` : `${(latency / 1_000).toFixed(1)} s`;
}
