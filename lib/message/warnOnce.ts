/** How long a mistake may be none, in ms: a program may subscribe, or send, later. */
export const WITHIN = 5_000;

const printed = new Set<string>();

/** Prints a warning of development once, with the address of its heading. */
export function warnOnce(code: string, text: string): void {
  if (printed.has(code)) return;
  printed.add(code);
  warn(code, text);
}

/** Prints a warning of development, with the address of its heading. */
export function warn(code: string, text: string): void {
  const sentence = warningOf(code, text);
  const { process, console } = globalThis as {
    readonly process?: { emitWarning?: (message: string, options: { readonly type: string; readonly code: string }) => void };
    readonly console?: { warn(message: string): void };
  };
  if (process?.emitWarning) process.emitWarning(sentence, { type: 'RxwireWarning', code });
  // A browser has no other place for warnings.
  else console?.warn(sentence);
}

/** Returns the text of a warning, with the address of its heading. */
export function warningOf(code: string, text: string): string {
  return `${text} (see rxwire/docs/errors.md#${code.toLowerCase()})`;
}

/** The timer of the platform: virtual time would show no warning to a person. */
const { setTimeout: startTimer } = globalThis as { readonly setTimeout?: typeof setTimeout };

/** Calls back after a time, for a warning: it does not keep the process running. */
export function later(delay: number, callback: () => void): void {
  const timer: unknown = startTimer?.(callback, delay);
  (timer as { unref?: () => void } | undefined)?.unref?.();
}
