import {
  animationFrameScheduler,
  catchError,
  connect,
  defer,
  distinctUntilChanged,
  EMPTY,
  filter,
  finalize,
  fromEvent,
  ignoreElements,
  interval,
  map,
  merge,
  share,
  startWith,
  switchMap,
  takeLast,
  takeUntil,
  tap,
  using,
  type Observable,
} from 'rxjs';
import { batchByKey, ofType, type ConnectionStatus, type Wire } from 'rxwire';
import { execute, newRun, readRun, stopRun } from '../client.js';
import { countDelivery, type Delivery } from '../delivery.js';
import { outputIn, type ExecutionMessage, type RunNames } from '../messages.js';
import { byId, setText } from './dom.js';
import type { Editor } from './editor.js';
import { createRunList, describeEnd } from './runList.js';
import { createTerminal } from './terminal.js';

/** Output is painted once a frame: a program may print far more often than that. */
const PER_FRAME = { maxSize: 256, maxWait: 0, scheduler: animationFrameScheduler };

/**
 * Shows one run of the workspace, from its start: the newest, or the one that is chosen. Starts what is in the editor at each press of Run, and stops what is
 * shown at each press of Stop. Emits how the messages of the run that is shown arrive.
 */
export function showRuns(wire: Wire, editor: Editor, sandboxId: string): Observable<Delivery> {
  const terminal = createTerminal();
  const runs = createRunList(wire, sandboxId);

  const started$ = merge(fromEvent(byId('run'), 'click'), editor.submit$).pipe(
    filter(() => byId('run').ariaDisabled !== 'true'),
    map(() => ({ names: newRun(sandboxId), code: editor.code })),
  );
  const chosen$ = runs.chosen$.pipe(map((executionId) => ({ names: { executionId, sandboxId }, code: undefined })));
  const shown$ = merge(started$, chosen$).pipe(
    distinctUntilChanged((a, b) => a.names.executionId === b.names.executionId),
    share(),
  );
  const paint = (messages$: Observable<ExecutionMessage>): Observable<Delivery> =>
    merge(
      messages$.pipe(
        batchByKey(() => 0, PER_FRAME),
        tap(({ items }) => terminal.print(items.flatMap(outputIn))),
        ignoreElements(),
      ),
      // The last of all, when the output before it has been painted.
      messages$.pipe(
        ofType('execution.complete', 'execution.error'),
        takeLast(1),
        tap((end) => showOutcome(describeEnd(end).kind, describeEnd(end).text)),
        ignoreElements(),
      ),
      messages$.pipe(countDelivery(), startWith({ received: 0, lost: 0, doubled: 0 })),
    );
  const show = ({ names, code }: { names: RunNames; code: string | undefined }): Observable<Delivery> => {
    terminal.clear();
    runs.mark(names.executionId);
    const { startedAt, end } = runs.find(names.executionId) ?? {};
    const messages$ = (code === undefined ? readRun(wire, names) : execute(wire, code, names)).pipe(
      connect(paint),
      catchError((error: Error) => {
        showOutcome('bad', error.message);
        return EMPTY;
      }),
    );
    if (end) return messages$;
    return using(
      () => showProgress(wire, names, startedAt ?? Date.now()).subscribe(),
      () => messages$,
    );
  };
  const none$ = runs.isEmpty$.pipe(
    filter((isEmpty) => isEmpty),
    takeUntil(shown$),
    tap(() => {
      showOutcome('idle', 'Nothing has run yet');
      byId('empty').hidden = false;
    }),
    ignoreElements(),
  );
  return merge(none$, shown$.pipe(switchMap(show)));
}

const progress: Readonly<Partial<Record<ConnectionStatus, string>>> = {
  connecting: 'Waiting for the connection',
  reconnecting: 'Offline, waiting to resume',
};

/** While a program runs: for how long, and whether its output can reach the page. */
function showProgress(wire: Wire, names: RunNames, startedAt: number): Observable<unknown> {
  return defer(() => {
    setRunning(true);
    return merge(
      wire.state$.pipe(tap(({ status }) => showOutcome(progress[status] ? 'wait' : 'run', progress[status] ?? 'Running'))),
      // Server and page share one clock here.
      interval(100).pipe(tap(() => setText(byId('elapsed'), `${Math.max(0, (Date.now() - startedAt) / 1_000).toFixed(1)} s`))),
      fromEvent(byId('stop'), 'click').pipe(tap(() => stopRun(wire, names))),
    ).pipe(finalize(() => setRunning(false)));
  });
}

function showOutcome(kind: 'idle' | 'run' | 'wait' | 'good' | 'bad', text: string): void {
  byId('outcome').dataset['kind'] = kind;
  setText(byId('outcome'), text);
}

function setRunning(running: boolean): void {
  // Not disabled: a button that has the focus would lose it.
  byId('run').ariaDisabled = String(running);
  byId('stop').ariaDisabled = String(!running);
  setText(byId('elapsed'), '');
}
