import { constants } from 'node:os';
import { clearLine, cursorTo } from 'node:readline';
import { styleText } from 'node:util';
import {
  asapScheduler,
  endWith,
  fromEvent,
  ignoreElements,
  map,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  observeOn,
  ReplaySubject,
  take,
  throwError,
} from 'rxjs';
import { ConnectionLostError, DrainTimeoutError, RxwireError } from '../../message/errors.js';
import { isReconnectable } from '../../message/closeCode.js';
import { escapeControls } from '../../message/escapeControls.js';
import { jsonLine } from './printable.js';

/** One style: several are shown without regard to NO_COLOR by Node 20. */
type Style = Extract<Parameters<typeof styleText>[0], string>;

export type CommandContext = ReturnType<typeof createCommandContext>;

/** Runs a command, which resolves with its exit code. Resolves when the command has ended. */
export type RunCommand = (command: (context: CommandContext) => Promise<number>) => Promise<void>;

/** Completes `work$`, and emits the exit code: at its end, at a signal, or without a reader. */
export function untilStopped(work$: Observable<unknown>, { stop$, closed$ }: CommandContext): Observable<number> {
  const done$ = merge(work$.pipe(ignoreElements(), endWith(ExitCode.DONE)), closed$.pipe(map(() => ExitCode.DONE)));
  return merge(done$, stop$.pipe(map(signalCode)));
}

/**
 * Creates the streams and signals of the process.
 * @param json Whether a terminal gets JSON, too.
 */
export function createCommandContext(json: boolean) {
  const { stdout, stderr } = process;
  const isReadable = stdout.isTTY && !json;
  let hasProgress = false;

  /** Replaces the last line of stderr, if that is a terminal. An empty text removes the line. */
  const progress = (text: string): void => {
    if (!stderr.isTTY || (text === '' && !hasProgress)) return;
    cursorTo(stderr, 0);
    clearLine(stderr, 0);
    stderr.write(text);
    hasProgress = text !== '';
  };
  // No program may read the sentences, either.
  stderr.on('error', () => undefined);

  return {
    progress,
    /**
     * Writes a line: `text` for a person, otherwise `value` as JSON. Resolves when it is written.
     */
    print: (value: unknown, text: () => string): Promise<void> => write(stdout, `${isReadable ? text() : jsonLine(value)}\n`),
    note: (text: string): void => {
      progress('');
      stderr.write(`rxwire: ${escapeControls(text)}\n`);
    },
    /** Returns a text in a style, if stdout shows colours. */
    style: (style: Style, text: string): string => styleText(style, text, { stream: stdout }),
    /** Emits the first signal to end the command. A second signal ends the process at once. */
    stop$: signals(['SIGINT', 'SIGTERM']),
    /** Emits when the reader of stdout has closed it. Fails when stdout cannot be written. */
    closed$: closings(stdout),
    flush: (): Promise<void> => Promise.all([write(stdout, ''), write(stderr, '')]).then(() => undefined),
  };
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => void stream.write(text, () => resolve()));
}

/** Emits the first of these signals. After it, each of them ends the process again. */
function signals(names: readonly NodeJS.Signals[]): Observable<NodeJS.Signals> {
  const first$ = new ReplaySubject<NodeJS.Signals>(1);
  merge(...names.map((name) => fromEvent(process, name).pipe(map(() => name))))
    // Emits when the listeners are removed: a signal that comes in between would have no effect.
    .pipe(take(1), observeOn(asapScheduler))
    .subscribe(first$);
  return first$;
}

function closings(stream: NodeJS.WriteStream): Observable<void> {
  const closed$ = new ReplaySubject<void>(1);
  fromEvent(stream, 'error')
    .pipe(mergeMap((error) => ((error as NodeJS.ErrnoException).code === 'EPIPE' ? [undefined] : throwError(() => error))))
    .subscribe(closed$);
  return merge(closed$, NEVER);
}

/** The exit codes. After a signal: 128 and its number, as 130 after Ctrl-C. */
export const ExitCode = {
  DONE: 0,
  /** A message was not delivered, or was refused: the same command would fail again. */
  FAILED: 1,
  /** The command, an option or the input is wrong. */
  USAGE: 2,
  /** There was no connection, or no answer in time: the same command may succeed later. */
  UNREACHED: 3,
} as const;

/** The command line or the input is wrong: the user can correct it. */
export class UsageError extends Error {}

/** Returns the result of a function. Its complaint about an argument is a {@link UsageError}. */
export function checked<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The codes of errors that another attempt may not meet. */
const TEMPORARY: readonly string[] = ['ERR_RECONNECT_GIVEN_UP', 'ERR_REQUEST_TIMEOUT', 'ERR_CHANNEL_TIMEOUT', 'ERR_DRAIN_TIMEOUT'];

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.USAGE;
  if (error instanceof ConnectionLostError) return isReconnectable(error.closeCode) ? ExitCode.UNREACHED : ExitCode.FAILED;
  // A wire that ends with messages left has the reason in its cause.
  if (error instanceof RxwireError && error.code === 'ERR_WIRE_CLOSED' && error.cause !== undefined) return exitCodeOf(error.cause);
  return error instanceof DrainTimeoutError || (error instanceof RxwireError && TEMPORARY.includes(error.code))
    ? ExitCode.UNREACHED
    : ExitCode.FAILED;
}

/** Returns the exit code of a process that this signal has ended, as shells report it. */
export function signalCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
