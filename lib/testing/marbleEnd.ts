/** Set while a marble runs. */
let running: (() => void)[] | undefined;

/** Calls the function when the marble that runs now has ended; never, if none runs. */
export function onMarbleEnd(end: () => void): void {
  running?.push(end);
}

/** Runs a marble. The function that it receives calls what {@link onMarbleEnd} was given. */
export function withMarbleEnd<T>(run: (end: () => void) => T): T {
  const outer = running;
  const ends: (() => void)[] = [];
  running = ends;
  try {
    return run(() => {
      for (const end of ends.splice(0)) end();
    });
  } finally {
    for (const end of ends) end();
    running = outer;
  }
}
