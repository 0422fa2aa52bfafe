import { ignoreElements, map, merge, scan, startWith, tap, type Observable } from 'rxjs';
import { ofType, type ResourceAlert } from 'rxwire';
import type { SandboxResources } from '../messages.js';
import { BARS, drawBars } from './bars.js';
import { byId, setText } from './dom.js';
import { entry } from './events.js';
import type { Entry } from './timeline.js';
import type { SharedWorkspace } from './workspace.js';

/** How high the meters go, as parts of the thresholds. */
const TOP = { cpu: 1.2, memory: 2 };

const MEBIBYTE = 1_048_576;

/** The server has been restarted: no program runs. */
const NOTHING: SandboxResources = { sandboxId: '', metrics: { cpu: 0, memory: 0, programs: 0 } };

/** Shows what the programs of a workspace use, and emits what people should know of. */
export function showResources({ channel, state }: SharedWorkspace): Observable<Entry> {
  const metrics$ = merge(
    state.pipe(
      ofType('resource.metrics'),
      map(({ payload }) => payload),
    ),
    state.gaps$.pipe(map(() => NOTHING)),
  ).pipe(
    tap(showNumbers),
    scan((all, payload) => [...all.slice(1 - BARS), payload], [] as SandboxResources[]),
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

function showNumbers({ metrics: { cpu, memory, programs } }: SandboxResources): void {
  setText(byId('cpu'), `${Math.round(cpu * 100)} %`);
  setText(byId('memory'), `${Math.round(memory / MEBIBYTE)} MiB`);
  setText(byId('programs'), programs === 1 ? '1 program' : `${programs} programs`);
}

function drawMeters(all: readonly SandboxResources[]): void {
  for (const name of ['cpu', 'memory'] as const) {
    const top = (all.at(-1)?.thresholds?.[name] ?? 1) * TOP[name];
    const values = all.map(({ metrics }) => metrics[name]);
    drawBars(`${name}-spark`, values, (value) => value / top);
    byId(`${name}-meter`).dataset['over'] = String((values.at(-1) ?? 0) * TOP[name] >= top);
  }
}

function describe(type: string, { alerts = [] }: SandboxResources): string {
  if (type === 'resource.limit') return `Stopped at its ${alerts.map(({ metric }) => metric).join()} limit`;
  return alerts.map(warning).join(', ');
}

function warning({ metric, threshold }: ResourceAlert): string {
  if (metric === 'cpu') return `CPU above ${Math.round(threshold * 100)} %`;
  return metric === 'memory' ? `Memory above ${Math.round(threshold / MEBIBYTE)} MiB` : metric;
}

function showAlert(kind: string, text: string): void {
  byId('alert').dataset['kind'] = kind;
  setText(byId('alert'), text);
}
