import type { SchedulerLike } from 'rxjs';

/** The time that a turn of the event loop takes while handshakes wait, if they are few, in ms. */
const TURN = 10;

/**
 * The number of steps in the first turn, and in any turn at most. A step takes a tenth of a ms, and
 * up to ten times as much in later turns.
 */
const FIRST = 16;
const MOST = 100;

/** How much the number grows after a turn that was shorter than {@link TURN}. */
const GROWTH = 1.5;

/**
 * The least number of steps for each ms that a turn takes: a server that is busy otherwise accepts
 * new clients, too.
 */
const LEAST_PER_MS = 1;

/**
 * The longest time that a handshake waits for its turn, in ms. While one waits longer, the server
 * refuses new sockets.
 */
const LONGEST_WAIT = 1_000;

interface WaitingStep {
  readonly since: number;
  readonly run: () => void;
}

/**
 * Upgrades sockets and answers hellos a few at a time, so that the messages of other clients are
 * read in between: after a deployment, all clients connect at once. Most of the work of a handshake
 * follows later: a store answers, a session begins. So there are fewer steps in the next turn of
 * the event loop after a turn that took long, and more after a short one.
 */
export class PacedHandshakes {
  readonly #scheduler: Pick<SchedulerLike, 'now'>;
  readonly #onNextTurn: (run: () => void) => void;
  readonly #upgrades: WaitingStep[] = [];
  /** They run before the upgrades: their sockets have waited longer. */
  readonly #hellos: WaitingStep[] = [];
  /** When this turn had its first step; undefined if it has had none. */
  #begun: number | undefined;
  /** The number of steps in this turn, and the number that it may have. */
  #count = 0;
  #most = FIRST;

  /** @param onNextTurn Calls a function in the next turn of the event loop. */
  // eslint-disable-next-line no-restricted-globals -- a timer takes 1 ms at least
  constructor(scheduler: Pick<SchedulerLike, 'now'>, onNextTurn: (run: () => void) => void = setImmediate) {
    this.#scheduler = scheduler;
    this.#onNextTurn = onNextTurn;
  }

  /** Whether a new socket would wait too long. */
  get isFull(): boolean {
    const since = Math.min(this.#hellos[0]?.since ?? Infinity, this.#upgrades[0]?.since ?? Infinity);
    return this.#scheduler.now() - since > LONGEST_WAIT;
  }

  /** Upgrades a socket, or handles a hello: now, or in a later turn. */
  add(kind: 'upgrade' | 'hello', run: () => void): void {
    if (this.#begun === undefined) {
      this.#begun = this.#scheduler.now();
      this.#onNextTurn(this.#endTurn);
    }
    const waiting = kind === 'hello' ? this.#hellos : this.#upgrades;
    if (this.#count >= this.#most || waiting.length > 0) waiting.push({ since: this.#scheduler.now(), run });
    else {
      this.#count++;
      run();
    }
  }

  readonly #endTurn = (): void => {
    const [begun, count] = [this.#begun as number, this.#count];
    const isWaiting = this.#hellos.length + this.#upgrades.length > 0;
    this.#begun = undefined;
    this.#count = 0;
    if (!isWaiting && count < FIRST / 4) {
      this.#most = FIRST;
      return;
    }
    const now = this.#scheduler.now();
    const took = now - begun;
    this.#most = Math.max(Math.min(this.#most * (took > TURN ? TURN / took : GROWTH), MOST), took * LEAST_PER_MS, 1);
    if (!isWaiting) return;
    this.#begun = now;
    this.#onNextTurn(this.#endTurn);
    this.#runWaiting(this.#hellos);
    this.#runWaiting(this.#upgrades);
  };
  #runWaiting(waiting: WaitingStep[]): void {
    const steps = waiting.splice(0, Math.ceil(this.#most - this.#count));
    this.#count += steps.length;
    try {
      for (let next = steps.shift(); next; next = steps.shift()) next.run();
    } finally {
      // After an exception, the others run in the next turn.
      waiting.unshift(...steps);
    }
  }
}
