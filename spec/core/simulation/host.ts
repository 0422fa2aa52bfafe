import { ClientCore } from '../../../lib/core/clientCore.js';
import type { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import { ServerCore } from '../../../lib/core/serverCore.js';
import { ServerHandshake } from '../../../lib/core/serverHandshake.js';
import type { SessionCore } from '../../../lib/core/sessionCore.js';
import type { SessionStores } from '../../../lib/core/sessionStores.js';
import type { CoreEffect, CoreEvent, CoreOptions } from '../../../lib/core/coreTypes.js';
import type { Body, WriteFault } from '../../../lib/core/storedTypes.js';
import { answerCall, answered, isDrained } from '../coreHarness.js';
import type { Run } from './run.js';

export interface HostHandlers {
  /** Handles an event of the session, except `close`. */
  handle(event: CoreEvent): void;
  /** The session wants its connection to be closed. */
  close(code: number, reason: string): void;
  /** Writes to a store. It calls {@link CoreHost.answered} in the order of the writes of that store. */
  write?(effect: StoreEffect): void;
}

export type StoreEffect = Extract<CoreEffect, { readonly kind: 'outbox' | 'inbox' }>;
type Input = (core: SessionCore, now: number) => void;

/** The loop around one session: input → events → frames → effects → one timer. */
export class CoreHost {
  readonly core: SessionCore;
  /** The core, if it is that of a server. */
  readonly server: ServerCore | undefined;
  /** Sends a frame over the connection. */
  send: ((frame: Body) => void) | undefined;
  /** The messages that this process has had. */
  readonly ids: string[] = [];
  /** A host whose process has ended does nothing more. */
  isDead = false;
  readonly #maxBatch: number;
  #wakesAt = Infinity;
  #isFrozen = false;
  /** The inputs of a frozen process. */
  readonly #waiting: Input[] = [];
  /** Whether an answer that comes now is an answer within the loop. */
  #isWriting = false;
  #hasAnswers = false;
  /** Runs at the end of the loop. */
  #checks: (() => void)[] = [];

  constructor(
    private readonly simulation: Run,
    options: CoreOptions,
    isWatched: boolean,
    private readonly handlers: HostHandlers,
    identity?: ClientIdentity,
    stores?: SessionStores,
  ) {
    this.server = identity ? undefined : new ServerCore(new ServerHandshake(options), stores);
    this.core = this.server ?? new ClientCore(options, identity!, stores);
    this.#maxBatch = options.codecs[0]?.limits?.maxBatch ?? Infinity;
    this.core.outgoing.interest = { awaitsAcks: () => isWatched, awaitsSteps: () => false };
  }

  /** Runs an input, and then the loop. */
  run(input: Input): void {
    if (this.isDead) return;
    if (this.#isFrozen) {
      this.#waiting.push(input);
      return;
    }
    input(this.core, this.simulation.clock.now);
    this.#loop();
  }
  /** Whether all messages of this side, and those that have arrived, are finished. */
  get isDone(): boolean {
    return this.core.outgoing.isEmpty && isDrained(this.core);
  }
  /**
   * Takes a frame of the other side.
   *
   * @param isCurrent Whether it still belongs to the connection, when the process handles it.
   */
  receive(frame: Body, isCurrent = (): boolean => true): void {
    const [, count = 0] = /^\["msg",\d+,(\d+)/.exec(frame as string) ?? [];
    if (Number(count) > this.#maxBatch) throw new Error('a batch has more messages than its receiver takes');
    this.run((core, now) => isCurrent() && core.receive(frame, now));
  }
  /** Whether the session has ended, and tells its outcomes when its last write is answered. */
  get isEnding(): boolean {
    return !this.isDead && this.core.phase === 'over' && !this.core.isEnded;
  }
  get isFrozen(): boolean {
    return this.#isFrozen && !this.isDead;
  }
  /** The process stands still for some time. */
  freeze(ms: number): void {
    if (this.#isFrozen) return;
    this.#isFrozen = true;
    this.simulation.clock.after(ms, () => {
      this.#isFrozen = false;
      for (const input of this.#waiting.splice(0)) this.run(input);
    });
  }
  /**
   * Answers a write.
   *
   * @param check Called when the session has done all that follows from the answer.
   */
  answered(id: number, fault: WriteFault | undefined, check: (() => void) | undefined): void {
    if (this.#isWriting) {
      answered(this.core, id, this.simulation.clock.now, fault);
      if (check) this.#checks.push(check);
      this.#hasAnswers = true;
      return;
    }
    this.run((core, now) => {
      answered(core, id, now, fault);
      if (check) this.#checks.push(check);
    });
  }

  #loop(): void {
    const { core } = this;
    const { outputs } = core;
    const { now } = this.simulation.clock;
    if (now >= core.outgoing.nextExpiry) core.outgoing.expireWaiting(now);
    do {
      while (outputs.events.length > 0) this.#handle(outputs.takeEvent()!);
      for (let frame = core.transmit(now, now); frame !== undefined; frame = core.transmit(now, now)) this.send?.(frame);
      this.#hasAnswers = false;
      if (outputs.effects.length > 0) for (const effect of outputs.takeEffects()) this.#perform(effect);
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a store may answer at once
    } while (this.#hasAnswers || outputs.events.length + outputs.effects.length > 0);
    if (core.outgoing.nextExpiry <= now) throw new Error('a message that has expired still waits');
    this.#arm(Math.min(core.timeout, core.outgoing.nextExpiry));
    if (this.#checks.length > 0) for (const check of this.#checks.splice(0)) check();
  }
  #handle(event: CoreEvent): void {
    if (event.kind === 'close') {
      this.send = undefined;
      this.handlers.close(event.code, event.reason);
    } else this.handlers.handle(event);
  }
  #perform(effect: CoreEffect): void {
    if (effect.kind === 'outbox' || effect.kind === 'inbox') {
      this.#isWriting = true;
      this.handlers.write?.(effect);
      this.#isWriting = false;
    } else this.simulation.clock.after(this.simulation.codecTime(), () => this.run((_, now) => answerCall(effect, now)));
  }
  #arm(at: number): void {
    if (at === Infinity || at >= this.#wakesAt) return;
    this.#wakesAt = at;
    const { clock } = this.simulation;
    clock.after(Math.max(0, at - clock.now), () => {
      if (this.#wakesAt !== at) return;
      this.#wakesAt = Infinity;
      this.run((core, now) => core.tick(now));
    });
  }
}
