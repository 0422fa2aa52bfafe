import { EMPTY, map, of, type Observable } from 'rxjs';
import {
  connect,
  consume,
  createMessage,
  memoryDeadLetters,
  ofType,
  pendingOf,
  queue,
  replayDeadLetters,
  reply,
  route,
  use,
  webSocket,
  type Consumed,
  type Message,
  type Wire,
} from 'rxwire';
import { traced, tracedRequest, traceWire, withTraceContext } from 'rxwire/opentelemetry';

declare module 'rxwire' {
  interface MessageTypes {
    'shelf.trace': { readonly shelf: string };
  }
  interface RequestTypes {
    'shelf.trace': { readonly reply: string; readonly progress: number };
  }
}

declare const wire: Wire;
const messages$: Observable<Message> = EMPTY;

export const routed = messages$.pipe(
  route({
    'execution.start': traced(({ payload }) => of(payload.executionId satisfies string)),
    'file.*': traced(async ({ payload }) => Promise.resolve(payload.path satisfies string)),
  }),
);
export const consumed: Observable<Consumed<Message<'execution.start'>, string>> = messages$.pipe(
  ofType('execution.start'),
  consume(traced(({ payload }) => of(payload.executionId))),
);
export const replies = messages$.pipe(
  reply({
    'shelf.trace': traced(({ payload }, { signal, progress }) => {
      progress(signal.aborted ? 0 : 1);
      return of(payload.shelf satisfies string);
    }),
  }),
);
export const processed = queue<Message<'execution.start'>>('jobs').process(traced(({ payload }) => of(payload.sandboxId)));
export const replayed = replayDeadLetters(
  memoryDeadLetters(),
  traced(({ payload }) => of(payload)),
);
export const outgoing = messages$.pipe(use(withTraceContext));
export const carrying: Message<'execution.start'> = withTraceContext(
  createMessage('execution.start', { executionId: 'e1', sandboxId: 's1', data: '' }),
);
export const names: Observable<string> = tracedRequest(wire, createMessage('shelf.trace', { shelf: 'a' }), { timeout: 5 });
// @ts-expect-error the option does not exist
export const wrong = traced(() => undefined, { tracing: true });

// A wire with a map of types of its own.
const shelf = connect<{ 'shelf.moved': { readonly shelf: string } }>({ link: webSocket('ws://127.0.0.1:4870/wire') });
traceWire(shelf);
export const rows: Observable<readonly string[]> = pendingOf(shelf).pipe(map((pending) => pending.map(({ status }) => status)));
export const moved = shelf.pipe(consume(traced(({ payload }) => of(payload.shelf satisfies string))));
