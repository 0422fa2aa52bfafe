import type { CoreOptions } from '../../../lib/core/coreTypes.js';
import type { Rejection } from '../../../lib/core/rejection.js';
import type { Body } from '../../../lib/core/storedTypes.js';
import type { Delivery, Message } from '../../../lib/message/types.js';
import { createChance, type Chance } from '../../simulation/chance.js';
import { SimulatedBodies } from './bodies.js';
import { VirtualClock } from './clock.js';

/** The numbers of a run: what has happened in it. */
export interface RunCounts {
  messages: number;
  cuts: number;
  crashes: number;
  /** How often each outcome of a message came. */
  readonly outcomes: Map<string, number>;
}

export type Trace = (line: string) => void;

/** The sides of a session: the client and the server. */
export type Side = 'c' | 's';

const PAYLOAD = 'x'.repeat(60);

/** What all parts of one run share: its time, its chance, its counts and its trace. */
export class Run {
  readonly clock = new VirtualClock();
  readonly bodies = new SimulatedBodies();
  readonly chance: Chance;
  readonly counts: RunCounts = { messages: 0, cuts: 0, crashes: 0, outcomes: new Map() };
  /** The longest time that an asynchronous codec takes, until the faults stop. */
  readonly #codecDelay: number;
  /** Whether all faults have stopped. */
  isCalm = false;

  /** @param trace Undefined if nothing is traced: callers check it before they make a line. */
  constructor(
    seed: number,
    readonly trace: Trace | undefined,
  ) {
    this.chance = createChance(seed);
    this.#codecDelay = this.chance.pick([40, 40, 1_500]);
  }

  /** Acts again and again, until the faults stop: once in the interval on average, or never if it is 0. */
  every(interval: number, act: () => void): void {
    if (interval === 0) return;
    this.clock.after(this.chance.whole(1, 2 * interval), () => {
      if (this.isCalm) return;
      act();
      this.every(interval, act);
    });
  }
  /** @param own The options that differ between the simulations. */
  options(
    side: Side,
    plan: Pick<CoreOptions, 'window' | 'bytes'> & { readonly ackDelay: number; readonly levels: readonly Delivery[] },
    own: Pick<CoreOptions, 'codecs' | 'maxFrame' | 'maxQueued' | 'overflow'>,
  ): CoreOptions {
    const { window, bytes, ackDelay, levels } = plan;
    const { codecs, maxFrame, maxQueued, overflow } = own;
    return {
      id: side === 'c' ? 'client' : 'server',
      delivery: levels[0]!,
      codecs,
      window,
      bytes,
      maxFrame,
      maxQueued,
      overflow,
      maxBadFrames: 3,
      pingInterval: 2_000,
      handshakeTimeout: 1_500,
      ackDelayOf: () => ackDelay,
      secret: (length) => String(this.chance.whole(1e14, 9e14)).padEnd(length, '-'),
    };
  }
  message(id: string, type: string, delivery: Delivery, priority: 0 | 1 | 2 | 3, ttl: number): Message {
    const { chance, clock } = this;
    const payload = PAYLOAD.slice(chance.whole(0, PAYLOAD.length));
    const message: Message = { id, type, timestamp: clock.now, version: '1.0', source: '', payload, delivery, priority };
    return chance.hit(ttl) ? { ...message, ttl: chance.whole(0, 1_000) } : message;
  }
  /** Decides how long an asynchronous codec takes. */
  codecTime(): number {
    return this.chance.whole(0, this.isCalm ? 40 : this.#codecDelay);
  }
  /** Decides whether the application rejects a message. */
  rejection(probability: number): (Rejection & { readonly kind: 'refused' | 'dead-lettered' }) | undefined {
    if (!this.chance.hit(probability)) return undefined;
    return { kind: this.chance.pick(['refused', 'dead-lettered']), code: 'ERR_TEST', reason: 'a test' };
  }
  countOutcome(outcome: string): void {
    const { outcomes } = this.counts;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  log(line: string): void {
    this.trace?.(`${String(this.clock.now).padStart(7)}  ${line}`);
  }
  logFrame(name: string, frame: Body): void {
    this.log(`${name} → ${String(frame).slice(0, 200)}`);
  }
}
