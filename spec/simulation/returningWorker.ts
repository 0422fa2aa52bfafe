/** As worker.ts, for clients that return again and again. */
import { runInWorker } from './runInWorker.js';
import { runSeed } from './world.js';

await runInWorker((seed) => runSeed(seed, undefined, { mustReturn: true, hasStrangers: false }), 20);
