import { fork } from 'node:child_process';
import { once } from 'node:events';
import { NOTHING, sum, type Tally } from './tally.js';

export interface WorkersOptions {
  /** The first seed. */
  readonly base: number;
  readonly seeds: number;
  /** Processes at once. */
  readonly jobs: number;
  /** Told what came of all seeds until now; false: it is enough. */
  readonly onProgress: (tally: Tally) => boolean;
  /** What runs the seeds. */
  readonly file: string;
  /** How long a process may say nothing, in ms. */
  readonly silence?: number;
}

/** Runs seeds in several processes. What a process that has said nothing for too long was about counts as a failure. */
export async function runSeeds({ base, seeds, jobs, onProgress, file, silence = 60_000 }: WorkersOptions): Promise<Tally> {
  let tally = NOTHING;
  let isEnough = false;

  const work = async (from: number, to: number): Promise<void> => {
    const child = fork(file, [String(from), String(to)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let seed = from;
    const give = (more: Tally): void => {
      if (isEnough) return;
      tally = sum(tally, more);
      seed += more.seeds;
      timer.refresh();
      isEnough = !onProgress(tally);
      if (isEnough) child.kill('SIGKILL');
    };
    const timer = setTimeout(() => child.kill('SIGKILL'), silence);
    child.on('message', (message) => give(message as Tally));
    await once(child, 'exit');
    clearTimeout(timer);
    if (seed < to) give({ ...NOTHING, failures: [{ seed, invariant: 'surprise', detail: 'the process has hung, or died', at: 0 }] });
  };
  const share = Math.ceil(seeds / jobs);
  const starts = Array.from({ length: jobs }, (_, job) => base + job * share);
  await Promise.all(starts.map((from) => work(from, Math.min(from + share, base + seeds))));
  return tally;
}
