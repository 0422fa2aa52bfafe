import { ignoreElements, map, merge, scan, startWith, tap, type Observable } from 'rxjs';
import { ofType, type ChannelSubject, type ResourcePayload } from 'rxwire';
import { BARS, drawBars } from './bars.js';
import { byId, setText } from './dom.js';
import { entry } from './events.js';
import type { Entry } from './timeline.js';

/** How high the meters go, as parts of the thresholds. */
const TOP = { cpu: 1.2, memory: 2 };

const MEBIBYTE = 1_048_576;

/** Shows what the programs of a workspace use, and emits what people should know of. */
export function showResources(channel: ChannelSubject): Observable<Entry> {
  const metrics$ = channel.pipe(
    ofType('resource.metrics'),
    map(({ payload }) => payload),
    tap(showNumbers),
    scan((all, payload) => [...all.slice(1 - BARS), payload], [] as ResourcePayload[]),
    startWith([]),
    tap(drawMeters),
  );
  const alerts$ = channel.pipe(
    ofType('resource.warning', 'resource.limit'),
    map(({ type, payload }) => entry(type === 'resource.limit' ? 'bad' : 'wait', describe(type, payload))),
    tap(({ kind, text }) => showAlert(kind, text)),
  );
  return merge(alerts$, metrics$.pipe(ignoreElements()));
}

function showNumbers({ metrics: { cpu = 0, memory = 0, programs = 0 } }: ResourcePayload): void {
  setText(byId('cpu'), `${Math.round(cpu * 100)} %`);
  setText(byId('memory'), `${Math.round(memory / MEBIBYTE)} MiB`);
  setText(byId('programs'), programs === 1 ? '1 program' : `${programs} programs`);
}

function drawMeters(all: readonly ResourcePayload[]): void {
  for (const name of ['cpu', 'memory'] as const) {
    const top = (all.at(-1)?.thresholds?.[name] ?? 1) * TOP[name];
    const values = all.map(({ metrics }) => metrics[name] ?? 0);
    drawBars(`${name}-spark`, values, (value) => value / top);
    byId(`${name}-meter`).dataset['over'] = String((values.at(-1) ?? 0) * TOP[name] >= top);
  }
}

function describe(type: string, { alerts = [], thresholds = {} }: ResourcePayload): string {
  const { cpu = 0, memory = 0 } = thresholds;
  const limits: Readonly<Record<string, string>> = {
    cpu: `CPU above ${Math.round(cpu * 100)} %`,
    memory: `Memory above ${Math.round(memory / MEBIBYTE)} MiB`,
  };
  return type === 'resource.limit' ? `Stopped at its ${alerts.join()} limit` : alerts.map((name) => limits[name] ?? name).join(', ');
}

function showAlert(kind: string, text: string): void {
  byId('alert').dataset['kind'] = kind;
  setText(byId('alert'), text);
}
