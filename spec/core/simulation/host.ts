import { ClientCore } from '../../../lib/core/clientCore.js';
import type { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import { ServerCore } from '../../../lib/core/serverCore.js';
import { ServerHandshake } from '../../../lib/core/serverHandshake.js';
import type { SessionCore } from '../../../lib/core/sessionCore.js';
import type { SessionStores } from '../../../lib/core/sessionStores.js';
import type { SessionEffect, SessionEvent, SessionOptions } from '../../../lib/core/sessionTypes.js';
import type { Body, StoreFault } from '../../../lib/core/storedTypes.js';
import type { Chance } from '../../simulation/chance.js';
import type { VirtualClock } from './clock.js';

export interface HostHandlers {
  /** Handles an event of the session, except `close`. */
  readonly handle: (event: SessionEvent, host: CoreHost) => void;
  /** The session wants its connection to be closed. */
  readonly close: (code: number, reason: string) => void;
  /** Writes to a store, and calls back in the order of the writes of that store. */
  readonly write?: (effect: StoreEffect, answer: (fault?: StoreFault) => void) => void;
}

export type StoreEffect = Extract<SessionEffect, { readonly kind: 'outbox' | 'inbox' }>;

/** The loop around one session: input → events → effects → frames → one timer. */
export class CoreHost {
  readonly core: SessionCore;
  /** Sends a frame over the connection. */
  send: ((frame: Body) => void) | undefined;
  readonly #clock: VirtualClock;
  readonly #chance: Chance;
  readonly #handlers: HostHandlers;
  #wakesAt = Infinity;
  #isFrozen = false;
  readonly #waiting: ((core: SessionCore, now: number) => void)[] = [];
  /** The messages that this process has had. */
  readonly ids: string[] = [];
  /** Whether the client of a server is stored. */
  isStored = (): boolean => false;
  /** The core, if it is that of a server. */
  readonly server: ServerCore | undefined;
  /** A host whose process has ended does nothing more. */
  isDead = false;

  constructor(
    clock: VirtualClock,
    chance: Chance,
    options: SessionOptions,
    handlers: HostHandlers,
    identity?: ClientIdentity,
    stores?: SessionStores,
  ) {
    this.server = identity ? undefined : new ServerCore(new ServerHandshake(options), stores);
    this.core = this.server ?? new ClientCore(options, identity!, stores);
    this.#clock = clock;
    this.#chance = chance;
    this.#handlers = handlers;
  }

  /** Runs an input, and then the loop. */
  run(input: (core: SessionCore, now: number) => void): void {
    if (this.isDead) return;
    if (this.#isFrozen) {
      this.#waiting.push(input);
      return;
    }
    input(this.core, this.#clock.now);
    this.#loop();
  }
  get isFrozen(): boolean {
    return this.#isFrozen && !this.isDead;
  }
  /** The process stands still for some time. */
  freeze(ms: number): void {
    if (this.#isFrozen) return;
    this.#isFrozen = true;
    this.#clock.after(ms, () => {
      this.#isFrozen = false;
      for (const input of this.#waiting.splice(0)) this.run(input);
    });
  }

  #loop(): void {
    const { core } = this;
    const { now } = this.#clock;
    do {
      for (let event = core.outputs.takeEvent(); event; event = core.outputs.takeEvent()) {
        if (event.kind === 'close') {
          this.send = undefined;
          this.#handlers.close(event.code, event.reason);
        } else this.#handlers.handle(event, this);
      }
      for (let frame = core.transmit(now, now); frame !== undefined; frame = core.transmit(now, now)) this.send?.(frame);
      this.#hasAnswers = false;
      for (const effect of core.outputs.takeEffects()) this.#answer(effect);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a store may answer at once
    } while (!core.outputs.areEmpty || this.#hasAnswers);
    this.#arm(core.timeout);
  }
  #hasAnswers = false;
  #answer(effect: SessionEffect): void {
    if (effect.kind === 'outbox' || effect.kind === 'inbox') {
      let isLate = false;
      this.#handlers.write?.(effect, (fault) => {
        const answered = (core: SessionCore, now: number): void => core.answered(effect.id, now, fault);
        if (isLate) this.run(answered);
        else {
          answered(this.core, this.#clock.now);
          this.#hasAnswers = true;
        }
      });
      isLate = true;
      return;
    }
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
