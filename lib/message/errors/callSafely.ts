import { isPromise } from '../maybeAsync.js';

/**
 * Calls a function of the application, which may fail: passes the error that it throws, or with
 * which its promise rejects, to `failed`.
 *
 * @returns The result; `undefined` if the function has thrown.
 */
export function callSafely<R>(call: () => R, failed: (error: unknown) => void): R | undefined {
  try {
    const result = call();
    watchResult(result, failed);
    return result;
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** Passes the error of a promise to `failed`: any function of the application may be async. */
export function watchResult(result: unknown, failed: (error: unknown) => void): void {
  if (isPromise(result)) result.then(undefined, failed);
}
