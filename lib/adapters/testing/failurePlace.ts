/** The errors of pipelines: their stacks show where they were thrown. */
const ofPipelines = new WeakSet<Error>();

/** Returns an error whose stack begins at the caller of a function, if the runtime can make one. */
export function placeOf(called: (...args: never[]) => unknown): Error {
  const place = new Error();
  const { captureStackTrace } = Error as { captureStackTrace?: (error: Error, above: unknown) => void };
  captureStackTrace?.(place, called);
  return place;
}

/** The text in front of the first frame of V8. */
const FRAME = '\n    at ';

/** Gives an error the stack of a place. A stack of another runtime than V8 remains as it is. */
export function placed<E extends Error>(error: E, { stack = '' }: Error): E {
  const start = stack.indexOf(FRAME);
  if (start >= 0) error.stack = `${error.name}: ${error.message}${stack.slice(start)}`;
  return error;
}

/** Runs code of the application. Its errors keep their stacks. */
export function inPipeline<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error) ofPipelines.add(error);
    throw error;
  }
}

/** Runs a function. Its errors, but not those of a pipeline in it, get the stack of a place. */
export function failAt<T>(place: Error, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof Error && !ofPipelines.has(error) ? placed(error, place) : error;
  }
}
