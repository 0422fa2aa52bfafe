/** Runs seeds of the tabs in a process of its own, see `spec/simulation/worker.ts`. */
import { runInWorker } from '../runInWorker.js';
import { runTabs } from './world.js';

await runInWorker(runTabs, 100);
