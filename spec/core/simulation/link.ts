import type { Body } from '../../../lib/core/storedTypes.js';
import type { Run } from './run.js';

/** One end of a connection: what the other end sends arrives here. */
export interface LinkEnd {
  received(frame: Body): unknown;
  closed(code: number): void;
}

export interface LinkFaults {
  readonly maxDelay: number;
  /** The probability that a frame is lost, or arrives twice. */
  loss: number;
  readonly repeat: number;
}

/** A handshake that comes twice is a violation, and nothing recognizes a message without a number. */
const UNREPEATABLE = /^\["(hello|welcome|bye|auth)"|"msg",0,/;

/** A connection that delays frames, keeps their order, and may lose any single one. */
export class SimulatedLink {
  readonly #ends: [client: LinkEnd | undefined, server: LinkEnd | undefined];
  /** The time at which the last frame of each direction arrives. */
  readonly #busyUntil = [0, 0];
  /** The numbers that the frames to each end have skipped. */
  readonly skipped: readonly [client: Set<number>, server: Set<number>] = [new Set(), new Set()];
  isCut = false;

  constructor(
    private readonly run: Run,
    private readonly faults: LinkFaults,
    client: LinkEnd,
    server: LinkEnd,
  ) {
    this.#ends = [client, server];
  }

  /** Sends a frame of the client (0) or of the server (1). */
  send(from: 0 | 1, frame: Body): void {
    const { loss, repeat } = this.faults;
    if (this.run.chance.hit(loss)) return;
    const isRepeated = this.run.chance.hit(repeat) && !UNREPEATABLE.test(String(frame));
    const receive = (end: LinkEnd): unknown => {
      const numbers = /^\["skip",\[([\d,]+)/.exec(frame as string)?.[1]?.split(',') ?? [];
      for (const number of numbers) this.skipped[from === 0 ? 1 : 0].add(Number(number));
      return end.received(frame);
    };
    this.#arrive(from, receive);
    if (isRepeated) this.#arrive(from, receive);
  }
  /** One side closes: it hears nothing more, and the other side hears of it after all frames. */
  close(from: 0 | 1, code: number): void {
    this.#ends[from] = undefined;
    this.#arrive(from, (end) => {
      this.#ends[1 - from] = undefined;
      end.closed(code);
    });
  }
  /** The connection breaks: each side learns of it by itself, and frames on their way are lost. */
  cut(): void {
    if (this.isCut) return;
    this.isCut = true;
    for (const side of [0, 1] as const) {
      const end = this.#ends[side];
      this.#ends[side] = undefined;
      if (end) this.run.clock.after(this.run.chance.whole(0, 300), () => end.closed(1006));
    }
  }

  #arrive(from: 0 | 1, act: (end: LinkEnd) => unknown): void {
    if (this.isCut) return;
    const at = Math.max(this.#busyUntil[from]!, this.run.clock.now + this.run.chance.whole(0, this.faults.maxDelay));
    this.#busyUntil[from] = at;
    this.run.clock.after(at - this.run.clock.now, () => {
      const end = this.#ends[1 - from];
      if (end && !this.isCut) act(end);
    });
  }
}
