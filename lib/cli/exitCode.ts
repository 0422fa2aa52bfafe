import { constants } from 'node:os';
import { ConnectionLostError, DrainTimeoutError, RxwireError } from '../errors.js';
import { isReconnectable } from '../link/closeCode.js';

/**
 * The exit codes of the command. A command that a signal has ended has 128 and the number of the
 * signal: 130 after Ctrl-C.
 */
export const ExitCode = {
  DONE: 0,
  /**
   * A message was not delivered, or the other side has refused or failed: the same command would
   * fail again.
   */
  FAILED: 1,
  /** The command, an option or the input is wrong. */
  USAGE: 2,
  /** There was no connection, or no answer in time: the same command may succeed later. */
  UNREACHED: 3,
} as const;

/** The command line or the input is wrong: the user can correct it. */
export class UsageError extends Error {}

/**
 * Returns the result of a function of the library. Its complaint about an argument, which is one of
 * the user's, becomes a {@link UsageError}.
 */
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

/** Returns the exit code for an error that has ended a command. */
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
