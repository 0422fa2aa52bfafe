/** Runs seeds in a process of its own: from one number to below another; tells its parent what came of them, some at a time. */
import { runInWorker } from './runInWorker.js';
import { runSeed } from './world.js';

await runInWorker((seed) => runSeed(seed), 20);
