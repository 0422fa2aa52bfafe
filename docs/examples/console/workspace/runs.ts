import {
  catchError,
  defer,
  EMPTY,
  finalize,
  firstValueFrom,
  isObservable,
  map,
  of,
  Subject,
  takeUntil,
  tap,
  throwError,
  toArray,
} from 'rxjs';
import type { Observable } from 'rxjs';
import {
  ChannelEndedError,
  createMessage,
  priorityMerge,
  publishTo,
  retryBackoff,
  type ChannelLog,
  type ChannelSubject,
  type Message,
  type PayloadOf,
} from 'rxwire';
import type { Hub } from 'rxwire/server';
import { RUN_CHANNEL, runChannelOf, runsChannelOf, type ExecutionMessage, type RunNames } from '../messages.js';
import { SandboxError, type SandboxEvent } from '../sandbox.js';
import { compactOutput } from './compactOutput.js';

export interface RunsOptions {
  /** Programs that run at once. @default 8 */
  readonly concurrency?: number;
  /** Programs that may wait for their turn; the next is refused. @default 32 */
  readonly maxWaiting?: number;
  /** The name of this node of a cluster, which is told with each run. @default there is no cluster */
  readonly node?: string;
}

export interface Runs {
  /**
   * Takes a program. Resolves when the run is in the log: from then on all can read its channel, and it goes on whether or not somebody does.
   * A start that comes again does nothing.
   */
  readonly start: (start: Message<'execution.start'>) => Promise<void>;
  readonly stop: (names: unknown) => void;
  /** Kills the process of a program that runs. */
  readonly kill: (names: unknown) => void;
  /** Ends the runs that a server has left, as interrupted: those of the nodes that are over, or all. */
  readonly interrupt: (isOver?: (node: string | undefined) => boolean) => Promise<void>;
  /** Kills all programs. The next server finds their runs, and says that they were interrupted. */
  readonly close: () => void;
}

type RunProgram = (sandboxId: string, code: string, kill$: Observable<unknown>) => Observable<SandboxEvent>;

/** A program that was taken, and has not ended. */
interface Run extends RunNames {
  readonly code: string;
  readonly priority: number;
  readonly output: ChannelSubject;
  readonly stop$: Subject<void>;
  readonly kill$: Subject<void>;
  isStopped: boolean;
  /** Whether it waits for its turn. */
  isWaiting: boolean;
}

const MAX_CODE = 262_144;

const TOO_LARGE = 'a program must be a text of 256 KiB at most';

/** How many messages the channel of all runs keeps: two for each run. */
const MAX_LISTED = 100;

/** Why a run has ended whose output is not in the log. */
const UNKEPT = 'the server could not keep the output';

/** Why a run has ended that its server has not. */
const INTERRUPTED = 'the server was restarted while the program ran';

/**
 * Runs programs, each into a channel of its own. Every message of a run is numbered from 1 in its `deliveryTag`, the last one included.
 *
 * @param log The log of the hub.
 * @param run Runs a program, and kills its process when `kill$` emits.
 */
export function createRuns(hub: Hub, log: Pick<ChannelLog, 'read'>, run: RunProgram, options: RunsOptions = {}): Runs {
  const { concurrency = 8, maxWaiting = 32, node } = options;
  const running = new Map<string, Run>();
  const waiting$ = new Subject<Run>();
  const listOf = ({ sandboxId }: RunNames): ChannelSubject => hub.channel(runsChannelOf(sandboxId), { retain: { messages: MAX_LISTED } });

  /** Writes what happens into the channel of the run, and ends it. */
  const write = (taken: Run, events$: Observable<SandboxEvent>): Observable<unknown> =>
    events$.pipe(
      takeUntil(stopped(taken)),
      catchError((error: Error) => of(error)),
      map(toMessages(taken)),
      tap((message) => message.type !== 'execution.output' && listOf(taken).next(message)),
      publishTo(taken.output),
      // The log has failed, and the program is killed. The hub reports that.
      catchError(() => endUnkept(taken)),
      finalize(() => running.delete(taken.executionId)),
    );
  /** Ends a run whose output the log could not keep, as soon as the log works again. */
  const endUnkept = (taken: Run): Observable<unknown> =>
    defer(async () => {
      await taken.output.end(UNKEPT);
      const { executionId, sandboxId } = taken;
      listOf(taken).next(createMessage('execution.error', { executionId, sandboxId, error: { code: 'ERR_STORE', message: UNKEPT } }));
    }).pipe(
      retryBackoff({ initialInterval: 1_000, maxInterval: 30_000, shouldRetry: (error) => !(error instanceof ChannelEndedError) }),
      catchError(() => EMPTY),
    );
  const execute = (taken: Run): Observable<unknown> =>
    defer(() => {
      // It was stopped before its turn.
      if (!taken.isWaiting) return EMPTY;
      taken.isWaiting = false;
      const program$ = defer(() => run(taken.sandboxId, taken.code, taken.kill$));
      return write(taken, program$);
    });
  const refuse = (taken: Run, code: SandboxError['code'], reason: string): void => {
    taken.isWaiting = false;
    const refused$ = throwError(() => new SandboxError(code, reason));
    write(taken, refused$).subscribe();
  };

  /** Returns the node that has started a run, as far as the list knows. */
  const nodeOf = async (names: RunNames): Promise<string | undefined> => {
    const slice = log.read(runsChannelOf(names.sandboxId), { limit: MAX_LISTED });
    const { entries } = await firstValueFrom(isObservable(slice) ? slice : of(slice));
    const payloads = entries
      .filter(({ message }) => message.type === 'run.started')
      .map(({ message }) => message.payload as PayloadOf<'run.started'>);
    return payloads.find(({ executionId }) => executionId === names.executionId)?.node;
  };

  const programs = waiting$
    .pipe(
      priorityMerge(execute, {
        concurrency,
        maxSize: maxWaiting,
        overflow: 'drop-newest',
        onDrop: (taken) => refuse(taken, 'ERR_BUSY', 'too many programs are waiting'),
      }),
    )
    .subscribe();

  return {
    async start({ payload, priority = 0 }) {
      const names = namesIn(payload);
      if (!names || running.has(names.executionId)) return;
      const output = hub.channel(runChannelOf(names), { compact: compactOutput });
      const signals = { stop$: new Subject<void>(), kill$: new Subject<void>() };
      const taken = { ...names, ...signals, code: payload.data, priority, output, isStopped: false, isWaiting: false };
      running.set(names.executionId, taken);
      try {
        const started = { ...names, ...(node !== undefined && { node }) };
        await output.send(createMessage('run.started', started));
        await listOf(names).send(createMessage('run.started', started));
      } catch (error) {
        running.delete(names.executionId);
        // It came again, from a client that did not hear the server before this one take it.
        if (error instanceof ChannelEndedError) return;
        throw error;
      }
      if (taken.isStopped) refuse(taken, 'ERR_STOPPED', 'stopped');
      else if (typeof taken.code !== 'string' || taken.code.length > MAX_CODE) refuse(taken, 'ERR_BAD_REQUEST', TOO_LARGE);
      else {
        taken.isWaiting = true;
        waiting$.next(taken);
      }
    },
    stop(names) {
      const taken = running.get(namesIn(names)?.executionId ?? '');
      if (!taken) return;
      taken.isStopped = true;
      taken.stop$.next();
      if (taken.isWaiting) refuse(taken, 'ERR_STOPPED', 'stopped');
    },
    kill: (names) => running.get(namesIn(names)?.executionId ?? '')?.kill$.next(),
    async interrupt(isOver = () => true) {
      const found = await firstValueFrom(hub.list('run.').pipe(toArray()));
      for (const { name, hasEnded } of found) {
        const [, sandboxId = '', executionId = ''] = name.split('.');
        const names = { sandboxId, executionId };
        if (hasEnded || !isOver(await nodeOf(names))) continue;
        const error = { code: 'ERR_INTERRUPTED', message: `interrupted: ${INTERRUPTED}` };
        await listOf(names).send(createMessage('execution.error', { ...names, error }));
        await hub.interrupt(name, INTERRUPTED);
      }
    },
    close: () => programs.unsubscribe(),
  };
}

function stopped({ stop$ }: Run): Observable<never> {
  return stop$.pipe(
    map(() => {
      throw new SandboxError('ERR_STOPPED', 'stopped');
    }),
  );
}

/** Turns what happened into the messages of one run, numbered. */
function toMessages({ executionId, sandboxId }: RunNames): (event: SandboxEvent | Error) => ExecutionMessage {
  const names = { executionId, sandboxId };
  let count = 0;
  return (event) => {
    const options = { metadata: { deliveryTag: String(++count) } };
    if (event instanceof Error) {
      const error = { message: event.message, code: event instanceof SandboxError ? event.code : 'ERR_SANDBOX' };
      return createMessage('execution.error', { ...names, error }, options);
    }
    if (event.kind === 'output') return createMessage('execution.output', { ...names, data: event.data, stream: event.stream }, options);
    return createMessage('execution.complete', { ...names, data: { exitCode: event.exitCode, duration: event.duration } }, options);
  };
}

/** The names in a payload, which came from outside: its type is what it should be, not what it is. */
function namesIn(payload: unknown): RunNames | undefined {
  const { executionId, sandboxId } = Object(payload) as Partial<Record<keyof RunNames, unknown>>;
  if (typeof executionId !== 'string' || typeof sandboxId !== 'string') return undefined;
  return RUN_CHANNEL.test(runChannelOf({ executionId, sandboxId })) ? { executionId, sandboxId } : undefined;
}
