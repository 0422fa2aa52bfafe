import { animationFrameScheduler, catchError, EMPTY, filter, fromEvent, isEmpty, map, merge, tap, type Observable } from 'rxjs';
import { batchByKey, channel, ofType, type Wire } from 'rxwire';
import { runsChannelOf, type RunEnd } from '../messages.js';
import { byId, make } from './dom.js';

/** Older runs than these are not listed. */
const MAX_RUNS = 30;

/** A run of the workspace, by whoever. */
interface ListedRun {
  readonly startedAt: number;
  readonly button: HTMLButtonElement;
  end?: RunEnd;
}

export interface RunList {
  /** The id of a run that is to be shown: the newest, as soon as there is one, and what is clicked. */
  readonly chosen$: Observable<string>;
  /** Whether the workspace has no runs at all, when the server has told. */
  readonly isEmpty$: Observable<boolean>;
  /** When a run was started, and whether it has ended. */
  readonly find: (executionId: string) => Pick<ListedRun, 'startedAt' | 'end'> | undefined;
  readonly mark: (executionId: string) => void;
}

/** Lists the runs of a workspace, the newest first. */
export function createRunList(wire: Wire, sandboxId: string): RunList {
  const runs = new Map<string, ListedRun>();
  const list = byId('runs');
  const all = channel(wire, runsChannelOf(sandboxId), { from: 'start' });
  let shown: string | undefined;

  const add = (executionId: string, startedAt: number): void => {
    const time = new Date(startedAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
    const [item, button] = [make('li', ''), make('button', '', 'listed')];
    button.type = 'button';
    button.dataset['run'] = executionId;
    button.dataset['kind'] = 'run';
    button.append(make('span', time), make('span', 'running', 'muted'));
    item.append(button);
    list.prepend(item);
    button.ariaCurrent = String(executionId === shown);
    runs.set(executionId, { startedAt, button });
    if (runs.size > MAX_RUNS) removeOldest();
  };
  const removeOldest = (): void => {
    list.lastElementChild?.remove();
    runs.delete(runs.keys().next().value ?? '');
  };
  const end = (message: RunEnd): void => {
    const run = runs.get(message.payload.executionId);
    if (!run || run.end) return;
    const { kind, text, short } = describeEnd(message);
    run.end = message;
    run.button.dataset['kind'] = kind;
    run.button.title = text;
    run.button.lastElementChild?.replaceChildren(short);
  };

  const newest$ = all.pipe(
    ofType('run.started', 'execution.complete', 'execution.error'),
    // All that is known when the page comes is one batch: it shows the last run, and none before it.
    batchByKey(() => 0, { maxSize: 1_000, maxWait: 0, scheduler: animationFrameScheduler }),
    tap(({ items }) => {
      for (const message of items) {
        if (message.type === 'run.started') add(message.payload.executionId, message.timestamp);
        else end(message);
      }
    }),
    map(({ items }) => items.filter(({ type }) => type === 'run.started').at(-1)?.payload.executionId),
  );
  const clicked$ = fromEvent(list, 'click').pipe(
    map(({ target }) => (target instanceof Element ? target.closest('button')?.dataset['run'] : undefined)),
  );
  return {
    isEmpty$: all.history({ limit: 1 }).pipe(
      isEmpty(),
      catchError(() => EMPTY),
    ),
    chosen$: merge(newest$, clicked$).pipe(filter((id) => id !== undefined)),
    find: (executionId) => runs.get(executionId),
    mark(executionId) {
      shown = executionId;
      for (const [id, { button }] of runs) button.ariaCurrent = String(id === executionId);
    },
  };
}

/** In words, and in one or two, how a run has ended whose message is not for people. */
const ends: Readonly<Record<string, { readonly text: string; readonly short: string }>> = {
  ERR_KILLED: { text: 'Killed: the process of the program has died', short: 'killed' },
  ERR_SANDBOX: { text: 'The program could not be started', short: 'not started' },
  ERR_FAILED: { text: 'The server could not keep the output', short: 'not kept' },
};

/** How a run has ended: in words, and in one or two. */
export function describeEnd(end: RunEnd): { readonly kind: 'good' | 'bad'; readonly text: string; readonly short: string } {
  if (end.type === 'execution.error') {
    const { message, code = '' } = end.payload.error;
    return { kind: 'bad', text: ends[code]?.text ?? message, short: ends[code]?.short ?? message.split(':')[0] ?? message };
  }
  const { exitCode = 0, duration = 0 } = end.payload.data ?? {};
  const time = duration < 1_000 ? `${Math.round(duration)} ms` : `${(duration / 1_000).toFixed(1)} s`;
  return {
    kind: exitCode === 0 ? 'good' : 'bad',
    text: `Exit code ${exitCode} · ${time}`,
    short: exitCode === 0 ? time : `exit ${exitCode}`,
  };
}
