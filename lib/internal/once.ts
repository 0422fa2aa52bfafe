/** Does it the first time only. */
export function once(job: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    job();
  };
}
