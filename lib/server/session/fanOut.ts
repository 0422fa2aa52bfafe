import type { SchedulerLike } from 'rxjs';
import { createTurn, type Turn } from '../../session/turn.js';

/** A session that sends what was sent to it in one go. */
interface Flushed {
  flush(): void;
}

/** Flushes many sessions at the end of one microtask. */
export class FanOut {
  #sessions: Flushed[] = [];
  readonly #turn: Turn;

  constructor(microtask: SchedulerLike | undefined) {
    this.#turn = createTurn(microtask, () => this.#flush());
  }

  add(session: Flushed): void {
    this.#sessions.push(session);
    this.#turn.schedule();
  }

  #flush(): void {
    const sessions = this.#sessions;
    this.#sessions = [];
    for (const session of sessions) session.flush();
  }
}
