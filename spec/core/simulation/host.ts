import { SessionCore } from '../../../lib/core/sessionCore.js';
import type { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import type { Body, SessionEffect, SessionEvent, SessionOptions } from '../../../lib/core/sessionTypes.js';
import type { Chance } from '../../simulation/chance.js';
import type { VirtualClock } from './clock.js';

export interface HostHandlers {
  /** Handles an event of the session, except `close`. */
  readonly handle: (event: SessionEvent, host: CoreHost) => void;
  /** The session wants its connection to be closed. */
  readonly close: (code: number, reason: string) => void;
}

/** The loop around one session: input → events → effects → frames → one timer. */
export class CoreHost {
  readonly core: SessionCore;
  /** Sends a frame over the connection. */
  send: ((frame: Body) => void) | undefined;
  readonly #clock: VirtualClock;
  readonly #chance: Chance;
  readonly #handlers: HostHandlers;
  #wakesAt = Infinity;
  /** A host whose process has ended does nothing more. */
  isDead = false;

  constructor(clock: VirtualClock, chance: Chance, options: SessionOptions, handlers: HostHandlers, identity?: ClientIdentity) {
    this.core = new SessionCore(options, identity);
    this.#clock = clock;
    this.#chance = chance;
    this.#handlers = handlers;
  }

  /** Runs an input, and then the loop. */
  run(input: (core: SessionCore, now: number) => void): void {
    if (this.isDead) return;
    input(this.core, this.#clock.now);
    this.#loop();
  }

  #loop(): void {
    const { core } = this;
    const { now } = this.#clock;
    do {
      for (const event of core.events()) {
        if (event.kind === 'close') {
          this.send = undefined;
          this.#handlers.close(event.code, event.reason);
        } else this.#handlers.handle(event, this);
      }
      for (let frame = core.transmit(now, now); frame !== undefined; frame = core.transmit(now, now)) this.send?.(frame);
      for (const effect of core.effects()) this.#answer(effect);
    } while (core.hasOutputs);
    this.#arm(core.timeout);
  }
  #answer(effect: SessionEffect): void {
    this.#clock.after(this.#chance.whole(0, 40), () =>
      this.run((core, now) => {
        if (effect.kind === 'encode')
          core.encoded(
            effect.id,
            attempt(() => effect.codec.encode(effect.messages, effect.first)),
          );
        else
          core.decoded(
            effect.id,
            attempt(() => effect.codec.decode(effect.body, effect.first, effect.count)),
            now,
          );
      }),
    );
  }
  #arm(at: number): void {
    if (at === Infinity || at >= this.#wakesAt) return;
    this.#wakesAt = at;
    this.#clock.after(Math.max(0, at - this.#clock.now), () => {
      if (this.#wakesAt !== at) return;
      this.#wakesAt = Infinity;
      this.run((core, now) => core.tick(now));
    });
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
