/** Keeps one core busy at the lowest priority, until the parent process ends: node spinner.mjs */
import { setPriority } from 'node:os';

const SLICE = 5;

setPriority(19);
process.on('disconnect', () => process.exit());
for (;;) {
  const start = performance.now();
  while (performance.now() - start < SLICE);
  // The event loop must turn, or the process would not see that its parent has ended.
  await new Promise(setImmediate);
}
