import {
  animationFrameScheduler,
  catchError,
  connect,
  defer,
  EMPTY,
  exhaustMap,
  finalize,
  fromEvent,
  ignoreElements,
  interval,
  map,
  merge,
  takeLast,
  takeUntil,
  tap,
  using,
  type Observable,
} from 'rxjs';
import { batchByKey, ofType, type ConnectionStatus, type Wire } from 'rxwire';
import { execute } from '../client.js';
import type { ExecutionMessage } from '../messages.js';
import { byId, setText } from './dom.js';
import type { Editor } from './editor.js';
import { createTerminal } from './terminal.js';

/** Output is painted once a frame: a program may print far more often than that. */
const PER_FRAME = { maxSize: 256, maxWait: 0, scheduler: animationFrameScheduler };

/** Runs what is in the editor at each press of Run, shows what comes back, and emits it. */
export function runPrograms(wire: Wire, editor: Editor, sandboxId: string): Observable<ExecutionMessage> {
  const terminal = createTerminal();
  const clicks$ = fromEvent(byId('run'), 'click');
  const stop$ = clicks$.pipe(tap(() => showOutcome('bad', 'Stopped')));

  const show = (messages$: Observable<ExecutionMessage>): Observable<ExecutionMessage> =>
    merge(
      messages$.pipe(
        ofType('execution.output'),
        batchByKey(() => 0, PER_FRAME),
        tap(({ items }) => terminal.print(items.map(({ payload }) => payload))),
        ignoreElements(),
      ),
      // The last of all, when the output before it has been painted.
      messages$.pipe(ofType('execution.complete', 'execution.error'), takeLast(1), tap(showEnd), ignoreElements()),
      messages$,
    );
  const run$ = defer(() => {
    terminal.clear();
    return execute(wire, editor.code, sandboxId).pipe(
      takeUntil(stop$),
      connect(show),
      catchError((error: Error) => {
        showOutcome('bad', error.message);
        return EMPTY;
      }),
    );
  });
  return merge(clicks$, editor.submit$).pipe(
    exhaustMap(() =>
      using(
        () => showProgress(wire).subscribe(),
        () => run$,
      ),
    ),
  );
}

const progress: Readonly<Partial<Record<ConnectionStatus, string>>> = {
  connecting: 'Waiting for the connection',
  reconnecting: 'Offline, waiting to resume',
};

/** While a program runs: for how long, and whether its output can reach the page. */
function showProgress(wire: Wire): Observable<unknown> {
  return defer(() => {
    setRunning(true);
    return merge(
      wire.state$.pipe(tap(({ status }) => showOutcome(progress[status] ? 'wait' : 'run', progress[status] ?? 'Running'))),
      interval(100).pipe(
        map((index) => ((index + 1) / 10).toFixed(1)),
        tap((seconds) => setText(byId('elapsed'), `${seconds} s`)),
      ),
    ).pipe(finalize(() => setRunning(false)));
  });
}

function showEnd(end: Exclude<ExecutionMessage, { type: 'execution.output' }>): void {
  if (end.type === 'execution.error') {
    showOutcome('bad', end.payload.error.message);
    return;
  }
  const { exitCode = 0, duration = 0 } = end.payload.data ?? {};
  const time = duration < 1_000 ? `${Math.round(duration)} ms` : `${(duration / 1_000).toFixed(1)} s`;
  showOutcome(exitCode === 0 ? 'good' : 'bad', `Exit code ${exitCode} · ${time}`);
}

function showOutcome(kind: 'run' | 'wait' | 'good' | 'bad', text: string): void {
  byId('outcome').dataset['kind'] = kind;
  setText(byId('outcome'), text);
}

function setRunning(running: boolean): void {
  byId('run').dataset['running'] = String(running);
  setText(byId('run-text'), running ? 'Stop' : 'Run');
  setText(byId('elapsed'), '');
}
