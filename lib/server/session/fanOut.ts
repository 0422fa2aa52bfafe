import type { SchedulerLike } from 'rxjs';

/** A session that sends what was sent to it in one go. */
interface Flushed {
  flush(): void;
}

/** Flushes many sessions at the end of one microtask. */
export class FanOut {
  #sessions: Flushed[] = [];
  #isScheduled = false;
  readonly #microtask: SchedulerLike | undefined;

  constructor(microtask: SchedulerLike | undefined) {
    this.#microtask = microtask;
  }

  add(session: Flushed): void {
    this.#sessions.push(session);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#microtask) this.#microtask.schedule(() => this.#flush());
    else void Promise.resolve().then(() => this.#flush());
  }

  #flush(): void {
    const sessions = this.#sessions;
    this.#sessions = [];
    this.#isScheduled = false;
    for (const session of sessions) session.flush();
  }
}
