import { defer, EMPTY, filter, finalize, map, merge, of, switchMap, takeUntil, takeWhile, tap, type Observable } from 'rxjs';
import { createMessage, MessagePriority, ofType, type Wire } from 'rxwire';
import type { ExecutionMessage } from './messages.js';

/**
 * Runs a program at the other end of the wire and emits what it answers; the last message tells how the program ended.
 * Unsubscribing before that stops it.
 *
 * @throws {SessionLostError} Delivered when the server has forgotten this client, and its program with it.
 * @throws {RxwireError} Delivered when the start cannot be delivered.
 */
export function execute(wire: Wire, code: string, sandboxId: string): Observable<ExecutionMessage> {
  return defer(() => {
    const names = { executionId: crypto.randomUUID(), sandboxId };
    const start = createMessage('execution.start', { ...names, data: code }, { priority: MessagePriority.HIGH });
    const stop = createMessage('execution.stop', names, { priority: MessagePriority.CRITICAL });

    let isOver = false;
    const over = (): boolean => (isOver = true);
    const answers$: Observable<ExecutionMessage> = wire.pipe(
      ofType('execution.output', 'execution.complete', 'execution.error'),
      filter((message) => message.correlationId === start.id),
    );
    return merge(answers$, send(wire, start)).pipe(
      takeWhile((message) => message.type === 'execution.output', true),
      takeUntil(lossOf(wire, start.id)),
      tap({ complete: over, error: over }),
      finalize(() => isOver || wire.next(stop)),
    );
  });
}

function send(wire: Wire, message: Parameters<Wire['next']>[0]): Observable<never> {
  return defer(() => {
    wire.next(message);
    return EMPTY;
  });
}

/**
 * Fails when the start cannot be delivered, or when the server forgets what it had acked. What it has not had yet, the wire
 * sends to its successor.
 */
function lossOf(wire: Wire, id: string): Observable<never> {
  const forgotten$ = wire.errors$.pipe(filter(({ code }) => code === 'ERR_SESSION_LOST'));
  return wire.receipts$.pipe(
    filter((receipt) => receipt.id === id),
    switchMap(({ status, error }): Observable<Error> => (error ? of(error) : status === 'acked' ? forgotten$ : EMPTY)),
    map((error) => {
      throw error;
    }),
  );
}
