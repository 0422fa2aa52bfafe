/** Runs seeds of the channels in a process of its own, see `spec/simulation/worker.ts`. */
import { runInWorker } from '../runInWorker.js';
import { runChannels } from './world.js';

await runInWorker((seed) => runChannels(seed), 20);
