/** Runs seeds of the core in a process of its own, from one number to below another. */
import { runInWorker } from '../../simulation/runInWorker.js';
import { runCoreSeed } from './runCoreSeed.js';

await runInWorker(runCoreSeed, 100);
