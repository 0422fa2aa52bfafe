import {
  catchError,
  defer,
  endWith,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  of,
  Subject,
  takeUntil,
  throwError,
  type Observable,
} from 'rxjs';
import { createMessage, ofType, priorityMerge, type Message, type MessageTypes } from 'rxwire';
import type { ExecutionMessage } from './messages.js';
import { runCode, SandboxError, type SandboxEvent, type SandboxOptions } from './sandbox.js';

export interface ExecutionOptions extends SandboxOptions {
  /** Programs that run at once. @default 2 */
  readonly concurrency?: number;
  /** Programs that may wait for their turn; the next is refused. @default 16 */
  readonly maxWaiting?: number;
  /** Runs a program. @default runCode, in a folder of its own */
  readonly run?: (start: MessageTypes['execution.start'], limits: SandboxOptions) => Observable<SandboxEvent>;
}

type Start = Message<'execution.start'>;
type Names = MessageTypes['execution.stop'];

const MAX_CODE = 262_144;

/**
 * The server's side of the console: runs what the client asks for, and emits what is to be sent back. Every answer to one start is
 * numbered from 1 in its `deliveryTag`, the last one included. When the client leaves for good, its programs are killed.
 *
 * @example
 * listen(httpServer).subscribe((wire) => executions(wire).subscribe((message) => wire.next(message)));
 */
export function executions(wire: Observable<Message>, options: ExecutionOptions = {}): Observable<ExecutionMessage> {
  const { concurrency = 2, maxWaiting = 16, run: runProgram = runAlone, ...limits } = options;

  return defer(() => {
    const refused$ = new Subject<ExecutionMessage>();
    const refuse = (start: Start): void => refused$.next(answers(start)(new SandboxError('ERR_BUSY', 'too many programs are waiting')));
    const run = (start: Start): Observable<ExecutionMessage> =>
      execute(start, stopOf(wire, start), () => runProgram(start.payload, limits));

    const results$ = wire.pipe(
      ofType('execution.start'),
      priorityMerge(run, { concurrency, maxSize: maxWaiting, overflow: 'drop-newest', onDrop: refuse }),
      takeUntil(wire.pipe(ignoreElements(), endWith('gone'))),
      finalize(() => refused$.complete()),
    );
    return merge(refused$, results$);
  });
}

const runAlone: NonNullable<ExecutionOptions['run']> = ({ data }, limits) => runCode(data, limits);

function execute(start: Start, stop$: Observable<never>, run: () => Observable<SandboxEvent>): Observable<ExecutionMessage> {
  return defer(() =>
    isRequest(start.payload)
      ? run()
      : throwError(
          () =>
            new SandboxError('ERR_BAD_REQUEST', 'execution.start needs executionId, sandboxId, and a program of 256 KiB at most as data'),
        ),
  ).pipe(
    takeUntil(stop$),
    catchError((error: Error) => of(error)),
    map(answers(start)),
  );
}

function stopOf(wire: Observable<Message>, { payload }: Start): Observable<never> {
  return wire.pipe(
    ofType('execution.stop'),
    filter((stop) => namesIn(stop.payload).executionId === namesIn(payload).executionId),
    map(() => {
      throw new SandboxError('ERR_STOPPED', 'stopped');
    }),
  );
}

/** Turns what happened into the messages of one execution, numbered. */
function answers(start: Start): (event: SandboxEvent | Error) => ExecutionMessage {
  const names = namesIn(start.payload);
  let count = 0;
  return (event) => {
    const options = { correlationId: start.id, metadata: { deliveryTag: String(++count) } };
    if (event instanceof Error) {
      const error = { message: event.message, code: event instanceof SandboxError ? event.code : 'ERR_SANDBOX' };
      return createMessage('execution.error', { ...names, error }, options);
    }
    if (event.kind === 'output') return createMessage('execution.output', { ...names, data: event.data, stream: event.stream }, options);
    return createMessage('execution.complete', { ...names, data: { exitCode: event.exitCode, duration: event.duration } }, options);
  };
}

/** The payload came from outside: its type is what it should be, not what it is. */
function isRequest(payload: unknown): boolean {
  const { executionId, sandboxId } = namesIn(payload);
  const data = fieldOf(payload, 'data');
  return executionId !== '' && sandboxId !== '' && typeof data === 'string' && data.length <= MAX_CODE;
}

function namesIn(payload: unknown): Names {
  return { executionId: nameOf(fieldOf(payload, 'executionId')), sandboxId: nameOf(fieldOf(payload, 'sandboxId')) };
}

function nameOf(value: unknown): string {
  return typeof value === 'string' && value.length <= 128 ? value : '';
}

function fieldOf(payload: unknown, name: string): unknown {
  return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>)[name] : undefined;
}
