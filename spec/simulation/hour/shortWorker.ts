/** As worker.ts, for a few minutes of an hour: what is wrong shows soon. */
import { runInWorker } from '../runInWorker.js';
import { runHour, SHORT } from './world.js';

await runInWorker((seed) => runHour(seed, SHORT), 1);
