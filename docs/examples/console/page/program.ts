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
  scan,
  share,
  startWith,
  switchMap,
  takeLast,
  takeUntil,
  tap,
  using,
  zip,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import { batchByKey, ofType, type ConnectionStatus, type Wire } from 'rxwire';
import { execute, killRun, newRun, readRun, stopRun } from '../client.js';
import { countDelivery, type Delivery } from '../delivery.js';
import { outputIn, type ExecutionMessage, type RunNames } from '../messages.js';
import { byId, setText } from './dom.js';
import type { Editor } from './editor.js';
import { wordsFor } from './errorWords.js';
import { setUsable } from './faults.js';
import type { Recovery } from './recovery.js';
import { createRunList, describeEnd } from './runList.js';
import { markStep } from './steps.js';
import { createTerminal } from './terminal.js';

/** Output is painted once a frame: a program may print far more often than that. */
const PER_FRAME = { maxSize: 256, maxWait: 0, scheduler: animationFrameScheduler };

/** How the messages of the run that is shown arrive; `resent` of them over a later connection than the one that broke. */
export interface RunDelivery extends Delivery {
  readonly resent: number;
}

/**
 * Shows one run of the workspace, from its start: the newest, or the one that is chosen. Starts what is in the editor at each press of Run, and stops what is
 * shown at each press of Stop. Emits how the messages of the run that is shown arrive.
 */
export function showRuns(wire: Wire, editor: Editor, sandboxId: string, recovery: Recovery): Observable<RunDelivery> {
  const terminal = createTerminal();
  const runs = createRunList(wire, sandboxId);

  const started$ = merge(fromEvent(byId('run'), 'click'), editor.submit$).pipe(
    filter(() => byId('run').ariaDisabled !== 'true'),
    tap(() => {
      markStep('run');
      showOutput();
    }),
    map(() => ({ names: newRun(sandboxId), code: editor.code })),
  );
  const chosen$ = runs.chosen$.pipe(map((executionId) => ({ names: { executionId, sandboxId }, code: undefined })));
  const shown$ = merge(started$, chosen$).pipe(
    distinctUntilChanged((a, b) => a.names.executionId === b.names.executionId),
    share(),
  );
  const paint = (messages$: Observable<ExecutionMessage>): Observable<RunDelivery> =>
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
      messages$.pipe(
        connect((shared$) =>
          zip(shared$.pipe(filter(isNumbered), countDelivery()), shared$.pipe(filter(isNumbered), countResent(recovery))),
        ),
        map(([delivery, resent]) => ({ ...delivery, resent })),
        startWith({ received: 0, lost: 0, doubled: 0, resent: 0 }),
      ),
    );
  const show = ({ names, code }: { names: RunNames; code: string | undefined }): Observable<RunDelivery> => {
    terminal.clear();
    runs.mark(names.executionId);
    const { startedAt, end } = runs.find(names.executionId) ?? {};
    const messages$ = (code === undefined ? readRun(wire, names) : execute(wire, code, names)).pipe(
      connect(paint),
      catchError((error: Error) => {
        showOutcome('bad', wordsFor(error));
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

const isNumbered = ({ metadata }: ExecutionMessage): boolean => metadata?.deliveryTag !== undefined;

/** Counts the messages that a broken connection has held up; one that stands for several counts as those. */
function countResent({ isResent }: Recovery): OperatorFunction<ExecutionMessage, number> {
  return scan((count, message) => {
    const [first = 0, last = first] = (message.metadata?.deliveryTag ?? '').split('-').map(Number);
    return isResent(message) ? count + last - first + 1 : count;
  }, 0);
}

/** On a narrow page, the output and the faults below it come into view. */
function showOutput(): void {
  if (matchMedia('(max-width: 860px)').matches) byId('terminal').scrollIntoView({ block: 'start' });
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
      fromEvent(byId('kill-run'), 'click').pipe(tap(() => killRun(wire, names))),
    ).pipe(finalize(() => setRunning(false)));
  });
}

function showOutcome(kind: 'idle' | 'run' | 'wait' | 'good' | 'bad', text: string): void {
  byId('outcome').dataset['kind'] = kind;
  setText(byId('outcome'), text);
}

function setRunning(running: boolean): void {
  // Not disabled: a button that has the focus would lose it.
  setUsable('run', !running);
  setUsable('stop', running);
  setUsable('kill-run', running);
  setText(byId('elapsed'), '');
}
