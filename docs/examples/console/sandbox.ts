import type { ChildProcess } from 'node:child_process';
import {
  concat,
  defer,
  finalize,
  fromEvent,
  ignoreElements,
  map,
  merge,
  NEVER,
  noop,
  ReplaySubject,
  take,
  takeUntil,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import { raise, type SandboxEvent, type SandboxUsage } from './sandbox/event.js';
import { coalesce, limitOutput, read, untilOutOfMemory } from './sandbox/output.js';
import { startProcess } from './sandbox/process.js';
import { usageOf } from './sandbox/usage.js';

export { SandboxError, type SandboxErrorCode, type SandboxEvent, type SandboxUsage } from './sandbox/event.js';

export interface SandboxOptions {
  /** How long the program may run, in ms. @default 10_000 */
  readonly timeLimit?: number;
  /** The JavaScript heap, in MiB. Where Linux tells how much is resident, buffers count too, with 128 MiB on top. @default 64 */
  readonly memoryLimit?: number;
  /** What the program may print, in bytes. @default 1_048_576 */
  readonly outputLimit?: number;
  /** Where it runs. @default an empty folder of its own, which is removed when it has ended */
  readonly folder?: string;
  /** Kills the process when it emits; the program then fails with `ERR_KILLED`. @default never */
  readonly kill$?: Observable<unknown>;
  /** Told what it uses, ten times a second, where the system tells. */
  readonly onUsage?: (usage: SandboxUsage) => void;
}

type Exit = readonly [code: number | null, signal: string | null];

const MEBIBYTE = 1_048_576;

/** What is resident beside the heap: Node itself, and buffers; in MiB. */
export const MEMORY_MARGIN = 128;

/**
 * Runs JavaScript in a process of its own and emits what it prints, then how it ended. Unsubscribing kills it.
 *
 *     runCode    --output--output----(complete|)
 *
 * @param code An ES module: `import` and top-level `await` work.
 * @throws {SandboxError} Delivered when the program was stopped or could not be started; all it had printed comes first.
 * @example
 * runCode('console.log(6 * 7)').subscribe((event) => console.log(event));
 */
export function runCode(code: string, options: SandboxOptions = {}): Observable<SandboxEvent> {
  const { timeLimit = 10_000, memoryLimit = 64, outputLimit = 1_048_576, folder, kill$ = NEVER, onUsage = noop } = options;

  return defer(() => {
    const { child, kill } = startProcess(code, memoryLimit, folder);
    const exit$ = exitOf(child);
    const tooLong$ = timer(timeLimit).pipe(map(() => raise('ERR_TIME_LIMIT', `stopped after ${timeLimit / 1_000} s`)));
    const tooLarge$ = usageOf(child.pid).pipe(
      tap(onUsage),
      tap(({ memory }) => memory > (memoryLimit + MEMORY_MARGIN) * MEBIBYTE && raise('ERR_MEMORY_LIMIT', 'stopped: out of memory')),
      ignoreElements(),
    );
    const killed$ = kill$.pipe(tap(kill), ignoreElements());
    const limits$ = merge(tooLong$, tooLarge$, killed$).pipe(takeUntil(exit$));

    const printed$ = merge(read(child.stdout, 'stdout'), read(child.stderr, 'stderr').pipe(untilOutOfMemory()), limits$);
    const complete$ = exit$.pipe(map(toCompletion(performance.now())));
    return concat(printed$.pipe(limitOutput(outputLimit), coalesce()), complete$).pipe(finalize(kill));
  });
}

function exitOf(child: ChildProcess): Observable<Exit> {
  const failed$ = fromEvent(child, 'error').pipe(map((error) => raise('ERR_SANDBOX', String(error))));
  const exit$ = new ReplaySubject<Exit>(1);
  merge(fromEvent(child, 'close') as Observable<Exit>, failed$)
    .pipe(take(1))
    .subscribe(exit$);
  return exit$;
}

function toCompletion(started: number): (exit: Exit) => SandboxEvent {
  return ([exitCode, signal]) => {
    if (exitCode === null) raise('ERR_KILLED', `the program was killed by ${signal}`);
    return { kind: 'complete', exitCode, duration: performance.now() - started };
  };
}
