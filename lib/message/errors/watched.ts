import { CallbackError } from './applicationErrors.js';
import { watchResult } from './callSafely.js';
import { reportUncaught } from './reportUncaught.js';

/**
 * Returns a callback of the application that may be async: reports the error with which its promise
 * rejects, which would end a process of Node. It throws what the callback throws.
 *
 * @param name The name of the option.
 */
export function watched<A extends readonly unknown[]>(name: string, callback: (...args: A) => unknown): (...args: A) => void {
  return (...args) => watchResult(callback(...args), (cause) => reportUncaught(new CallbackError(name, cause)));
}
