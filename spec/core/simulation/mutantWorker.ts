/** Judges mutants of the core in a process of its own: the numbers are places in the list of all mutants. */
import { runInWorker } from '../../simulation/runInWorker.js';
import { judgeMutant } from './judgeMutant.js';

await runInWorker(judgeMutant, 1);
