/** Shows what runs now, how much is done, and how long the rest will take. */
export interface Progress {
  /** A measure begins, and has so many steps. */
  begin(measure: string, steps: number): void;
  step(label: string): void;
  end(): void;
}

/** Without a terminal, a line appears this often, in ms. */
const INTERVAL = 10_000;

/** @param estimates How long each measure takes, in s. */
export function createProgress(estimates: Readonly<Record<string, number>>): Progress {
  const total = Object.values(estimates).reduce((sum, seconds) => sum + seconds, 0);
  const start = performance.now();
  const { isTTY } = process.stderr;
  let measure = '';
  let before = 0;
  let [step, steps] = [0, 1];
  let shown = -Infinity;

  const show = (label: string): void => {
    const now = performance.now();
    if (now - shown < (isTTY ? 100 : INTERVAL)) return;
    shown = now;
    const done = Math.min(total, before + ((estimates[measure] ?? 0) * step) / steps);
    const elapsed = (now - start) / 1_000;
    // What is done tells how fast this machine is, once there is enough of it.
    const pace = done > total / 10 ? elapsed / done : 1;
    const text = `${measure}: ${label} · ${Math.floor((100 * done) / total)} % · ${clock(elapsed)} passed, about ${clock((total - done) * pace)} left`;
    process.stderr.write(isTTY ? `\r\x1b[2K${text}` : `${text}\n`);
  };
  return {
    begin(name, count) {
      before += estimates[measure] ?? 0;
      measure = name;
      [step, steps] = [0, Math.max(1, count)];
      shown = -Infinity;
      show(`0 of ${steps}`);
    },
    step(label) {
      step = Math.min(steps, step + 1);
      show(`${label} (${step} of ${steps})`);
    },
    end() {
      if (isTTY) process.stderr.write('\r\x1b[2K');
    },
  };
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
