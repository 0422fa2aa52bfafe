import { catchError, defer, EMPTY, filter, map, merge, of, takeWhile, type Observable } from 'rxjs';
import { channel, ChannelEndedError, createMessage, MessagePriority, ofType, type Wire } from 'rxwire';
import { runChannelOf, type ExecutionMessage, type RunNames } from './messages.js';

/** Names a new run. */
export const newRun = (sandboxId: string): RunNames => ({ executionId: crypto.randomUUID(), sandboxId });

/**
 * Starts a program, and emits what its run tells, as {@link readRun} does. Unsubscribing does not stop it.
 *
 * @throws {RxwireError} Delivered when the start cannot be delivered.
 */
export function execute(wire: Wire, code: string, names: RunNames): Observable<ExecutionMessage> {
  return defer(() => {
    const start = createMessage('execution.start', { ...names, data: code }, { priority: MessagePriority.HIGH });
    const undelivered$ = wire.receipts$.pipe(
      filter(({ id, error }) => id === start.id && error !== undefined),
      map(({ error }) => {
        throw error as Error;
      }),
    );
    const sent$ = defer(() => {
      wire.next(start);
      return EMPTY;
    });
    return merge(readRun(wire, names), undelivered$, sent$).pipe(untilEnd());
  });
}

/** Reads a run from its start, and live from there on; the last message tells how it ended. */
export function readRun(wire: Wire, names: RunNames): Observable<ExecutionMessage> {
  return defer(() => {
    const run = channel(wire, runChannelOf(names), { from: 'start' });
    const forgotten$ = run.gaps$.pipe(
      filter(({ reason }) => reason === 'epoch'),
      map(() => {
        throw new Error('the server has forgotten this run');
      }),
    );
    return merge(run, forgotten$).pipe(
      ofType('execution.output', 'execution.complete', 'execution.error'),
      untilEnd(),
      catchError((error: unknown) => of(interruption(names, error))),
    );
  });
}

/** Stops a program, whoever has started it. Not before the wire has sent its start: both have the same priority. */
export function stopRun(wire: Wire, names: RunNames): void {
  wire.next(createMessage('execution.stop', names, { priority: MessagePriority.HIGH }));
}

/** Kills the process of a program: to the server, it has died. */
export function killRun(wire: Wire, names: RunNames): void {
  wire.next(createMessage('execution.kill', names, { priority: MessagePriority.HIGH }));
}

const untilEnd = () => takeWhile((message: ExecutionMessage) => message.type === 'execution.output', true);

/** A run whose server has died has no last message. */
function interruption(names: RunNames, error: unknown): ExecutionMessage {
  if (!(error instanceof ChannelEndedError)) throw error;
  const { status, reason = 'its server has gone' } = error;
  return createMessage('execution.error', { ...names, error: { code: `ERR_${status.toUpperCase()}`, message: `${status}: ${reason}` } });
}
