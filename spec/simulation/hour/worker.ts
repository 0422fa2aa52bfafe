/** As ../worker.ts, for hours. */
import { runInWorker } from '../runInWorker.js';
import { runHour } from './world.js';

await runInWorker(runHour, 1);
