import { config } from 'rxjs';
import { messageWith, textOf } from './rxwireError.js';
import { callSafely } from './callSafely.js';

/** The parts of Node and of browsers that report warnings. */
interface Platform {
  readonly process?: {
    readonly emitWarning?: (message: string, options: { readonly type: string; readonly detail: string | undefined }) => void;
    exitCode?: unknown;
  };
  readonly console: { readonly warn: (message: string, detail: string) => void };
}

/**
 * Reports an error that no other part of the program may receive: to `config.onUnhandledError` of
 * RxJS, if it is set, otherwise as a warning of the process, or of the console of a browser. Unlike
 * RxJS, it does not end the process.
 *
 * @param isLoss Whether the exit code of the process is 1, unless the program sets another one.
 */
export function reportUncaught(error: unknown, isLoss = false): void {
  const { onUnhandledError } = config;
  if (onUnhandledError) {
    callSafely(() => onUnhandledError(error), printWarning);
    return;
  }
  printWarning(error);
  const { process } = globalThis as Platform;
  if (isLoss && process) process.exitCode ??= 1;
}

/** Prints an error as a warning of the process, or of the console of a browser. */
export function printWarning(error: unknown): void {
  const { message = String(error), stack, cause } = Object(error) as Partial<Error>;
  const { message: reason, stack: detail = stack } = Object(cause) as Partial<Error>;
  const isIn = reason === undefined || message.includes(textOf(cause as Error));
  const text = isIn ? message : messageWith(error as Error, cause as Error);
  const { process, console } = globalThis as Platform;
  if (process?.emitWarning) process.emitWarning(text, { type: 'RxwireWarning', detail });
  // A browser has no other place for warnings.
  else console.warn(text, detail ?? '');
}
