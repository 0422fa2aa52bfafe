import {
  catchError,
  defer,
  EMPTY,
  exhaustMap,
  finalize,
  fromEvent,
  interval,
  map,
  merge,
  takeUntil,
  tap,
  using,
  type Observable,
} from 'rxjs';
import type { ConnectionStatus, Wire } from 'rxwire';
import { execute } from '../client.js';
import type { ExecutionMessage } from '../messages.js';
import { byId, setText } from './dom.js';
import type { Editor } from './editor.js';
import { createTerminal } from './terminal.js';

/** Runs what is in the editor at each press of Run, shows what comes back, and emits it. */
export function runPrograms(wire: Wire, editor: Editor, sandboxId: string): Observable<ExecutionMessage> {
  const terminal = createTerminal();
  const clicks$ = fromEvent(byId('run'), 'click');
  const stop$ = clicks$.pipe(tap(() => showOutcome('bad', 'Stopped')));

  const show = (message: ExecutionMessage): void => {
    if (message.type === 'execution.output') terminal.print(message.payload.data, message.payload.stream ?? 'stdout');
    else showEnd(message);
  };
  const run$ = defer(() => {
    terminal.clear();
    return execute(wire, editor.code, sandboxId).pipe(
      takeUntil(stop$),
      tap(show),
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

function showEnd({ payload }: Exclude<ExecutionMessage, { type: 'execution.output' }>): void {
  if ('error' in payload) {
    showOutcome('bad', payload.error.message);
    return;
  }
  const { exitCode = 0, duration = 0 } = payload.data ?? {};
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
