import type { SchedulerLike } from 'rxjs';

/** The time that the server spends on new sockets before it reads what has arrived, in ms. */
const SHARE = 10;

/**
 * The longest time that a socket waits for its turn, in ms. While one waits longer, the server
 * refuses new ones.
 */
const LONGEST_WAIT = 1_000;

interface WaitingUpgrade {
  readonly since: number;
  readonly upgrade: () => void;
}

/**
 * Accepts new sockets a few at a time, so that the messages of other clients are read in between:
 * after a deployment, all clients connect at once.
 */
export class PacedUpgrades {
  readonly #scheduler: SchedulerLike;
  #waiting: WaitingUpgrade[] = [];
  /** When this turn of the event loop accepted its first socket. */
  #begun: number | undefined;

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
  }

  /** Whether new sockets would wait too long. */
  get isFull(): boolean {
    const [first] = this.#waiting;
    return first !== undefined && this.#scheduler.now() - first.since > LONGEST_WAIT;
  }

  /** Accepts a socket now, or in a later turn. */
  add(upgrade: () => void): void {
    const now = this.#scheduler.now();
    if (this.#begun === undefined) this.#beginTurn(now);
    if (this.#waiting.length > 0 || this.#isOver(now)) this.#waiting.push({ since: now, upgrade });
    else upgrade();
  }

  #beginTurn(now: number): void {
    this.#begun = now;
    this.#scheduler.schedule(() => this.#onNextTurn(), 0);
  }
  #isOver(now: number): boolean {
    return now - (this.#begun as number) >= SHARE;
  }
  #onNextTurn(): void {
    this.#begun = undefined;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#beginTurn(this.#scheduler.now());
    let count = 0;
    try {
      while (count < waiting.length && !this.#isOver(this.#scheduler.now())) (waiting[count++] as WaitingUpgrade).upgrade();
    } finally {
      this.#waiting = waiting.slice(count);
    }
  }
}
