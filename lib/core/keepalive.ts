import { endOf } from './timeSteps.js';

/**
 * Finds out whether the other side is silent (protocol, section 8). It checks twice in each
 * interval, and counts checks, not time: a check that is late by more than the time between two
 * checks shows that this process did not run, and frames that arrived meanwhile may still have to
 * be read. It then asks the other side first.
 */
export class Keepalive {
  /** The time of the next check. */
  checkAt = Infinity;
  /** Whether a ping must be sent. */
  isPingDue = false;
  /** Whether the other side has sent a frame since the last check. */
  hasReceived = false;
  /** Whether a ping was sent over this connection. */
  hasPinged = false;
  /** The time of a ping that measures the latency, until the next ack. */
  pingedAt: number | undefined;
  /** The number of checks while nothing was in flight. */
  #idleChecks = 0;
  #half = 0;
  /** The number of checks in a row without a frame. */
  #silentChecks = 0;
  /** Whether a ping was sent because this process did not run. */
  #hasAsked = false;
  /** The `acked` of the last check. */
  #lastAcked = -1;

  /** @param timeout The maximum duration of the handshake. */
  open(timeout: number, now: number): void {
    this.checkAt = endOf(timeout, now);
    this.isPingDue = this.hasPinged = false;
    this.pingedAt = undefined;
    this.#idleChecks = 0;
  }
  /** Begins after a handshake. */
  begin(interval: number, now: number): void {
    this.#half = interval / 2;
    this.#silentChecks = 0;
    this.hasReceived = true;
    this.checkAt = endOf(this.#half, now);
  }
  stop(): void {
    this.checkAt = Infinity;
  }
  /**
   * Timers may not have run, or the network may have changed: asks the other side for an answer.
   */
  ask(): void {
    if (!this.#hasAsked) this.#silentChecks = Math.min(this.#silentChecks, 1);
    this.#hasAsked = this.isPingDue = true;
  }
  /**
   * Returns the ping that is due.
   * @param sent The highest number that was sent over this connection; 0 if all are acked.
   */
  takeFrame(sent: number): string {
    this.isPingDue = false;
    this.hasPinged = true;
    return `["ping",${sent}]`;
  }
  /** Takes an ack. Returns the time since the ping that it answers. */
  answered(now: number): number {
    const { pingedAt = now } = this;
    this.pingedAt = undefined;
    return Math.max(0, now - pingedAt);
  }
  /** How long the other side may be silent. */
  get limit(): number {
    return 4 * this.#half;
  }
  /**
   * Checks. Returns false if the other side was silent for too long. While nothing is in flight, a
   * ping at each second check measures the latency.
   *
   * @param isWaiting Whether an ack is missing.
   * @param acked The highest number that was acked: an ack that does not come may be lost.
   * @param measures Whether pings measure the latency.
   */
  check(now: number, isWaiting: boolean, acked: number, measures: boolean): boolean {
    const isLate = now - this.checkAt > this.#half;
    this.checkAt = endOf(this.#half, now);
    this.#silentChecks = this.hasReceived ? 0 : this.#silentChecks + 1;
    this.#hasAsked &&= !this.hasReceived;
    this.hasReceived = false;
    const isStuck = isWaiting && this.#lastAcked === acked;
    this.#lastAcked = acked;
    if (this.#silentChecks > 0 && isLate && !this.#hasAsked) this.ask();
    else if (this.#silentChecks >= 4) return false;
    else this.isPingDue ||= isStuck || this.#silentChecks >= 2;
    if (measures && !isWaiting && this.#idleChecks++ % 2 === 0) {
      this.isPingDue = true;
      this.pingedAt ??= now;
    }
    return true;
  }
}

/**
 * The default interval in which each side must send, in ms. The server chooses it, and tells
 * its clients.
 */
export const PING_INTERVAL = 15_000;
