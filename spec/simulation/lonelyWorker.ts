/** Runs seeds without strangers in a process of its own, as worker.ts does. */
import { runInWorker } from './runInWorker.js';
import { runSeed } from './world.js';

await runInWorker((seed) => runSeed(seed, undefined, { hasStrangers: false }), 20);
