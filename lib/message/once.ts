/** Returns a function that runs the job at its first call only. */
export function once(job: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    job();
  };
}
