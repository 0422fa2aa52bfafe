/** Returns the text of the error of a run, which must fail. */
export function failureOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it passed');
}
