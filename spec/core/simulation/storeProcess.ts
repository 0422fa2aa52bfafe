import type { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import { SessionStores } from '../../../lib/core/sessionStores.js';
import type { CoreEvent, CoreOptions } from '../../../lib/core/coreTypes.js';
import type { RestoredState, WriteFault } from '../../../lib/core/storedTypes.js';
import { CoreHost, type HostHandlers, type StoreEffect } from './host.js';
import type { SimulatedLink } from './link.js';
import type { Side } from './run.js';
import type { StoreRun } from './storeRun.js';
import type { SimulatedInbox, SimulatedOutbox } from './stores.js';

/** The codes with which an honest side may close a connection. */
const EXPECTED: readonly number[] = [1006, 1011, 1013, 4409, 4408, 4410, 4411];

/** Handles the events of the sessions of all processes. */
export interface EventHandler {
  handle(event: CoreEvent, process: StoreProcess): void;
}

/** A process: its session, its stores, and its connection. */
export abstract class StoreProcess implements HostHandlers {
  readonly host: CoreHost;
  readonly stores: SessionStores | undefined;
  link: SimulatedLink | undefined;

  constructor(
    protected readonly run: StoreRun,
    private readonly events: EventHandler,
    readonly side: Side,
    readonly name: string,
    readonly pid: string,
    readonly outbox: SimulatedOutbox | undefined,
    readonly inbox: SimulatedInbox | undefined,
    identity?: ClientIdentity,
  ) {
    const [hasOutbox, hasInbox] = [outbox !== undefined, inbox !== undefined];
    this.stores = hasOutbox || hasInbox ? new SessionStores({ hasOutbox, hasInbox, maxStored: 30 }) : undefined;
    for (const store of [outbox, inbox]) if (store) store.onAnswer = (...answer) => this.#answered(...answer);
    this.host = new CoreHost(run, this.#options(), run.plan.isWatched, this, identity, this.stores);
    run.hosts.push(this.host);
  }
  #options(): CoreOptions {
    const { plan, chance, bodies } = this.run;
    const codecs = [bodies.codec(plan.isAsync, plan.limits && chance.hit(0.5) ? 3 : 256)];
    const maxFrame = plan.limits && chance.hit(0.5) ? 500 : plan.maxFrame;
    return this.run.options(this.side, plan, { codecs, maxFrame, maxQueued: 10_000, overflow: 'drop-lowest' });
  }

  /** Begins with the stored state, if there are stores. */
  begin(state: RestoredState): void {
    this.host.run((core) => {
      if (this.stores) core.restore(state);
    });
    if (state.outbox && this.outbox) this.host.ids.push(...this.outbox.data.ids);
  }

  handle(event: CoreEvent): void {
    this.events.handle(event, this);
  }
  close(code: number, reason: string): void {
    if (this.run.trace) this.run.log(`${this.name}: closes with ${code}, ${reason}`);
    if (!EXPECTED.includes(code)) throw new Error(`${this.name} closes with ${code}: ${reason}`);
    this.link?.close(this.side === 'c' ? 0 : 1, code);
    this.closed();
  }
  /** The session has closed its connection. */
  protected abstract closed(): void;

  write(effect: StoreEffect): void {
    if (this.run.trace) this.run.log(`${this.name}: writes ${JSON.stringify(effect)}`.slice(0, 260));
    if (effect.kind === 'outbox') this.outbox?.add(effect.id, effect.write);
    else this.inbox?.add(effect.id, effect.write);
  }
  #answered(id: number, fault: WriteFault | undefined, removed: readonly string[]): void {
    const { oracle, trace, plan } = this.run;
    if (trace) this.run.log(`${this.name}: write ${id} ${fault ?? 'is stored'}`);
    // A message that the outbox has removed has its outcome when the write is answered.
    const check = (): void => oracle.checkRemoved(removed, plan.isWatched, this.host.isDead);
    this.host.answered(id, fault, fault || removed.length === 0 ? undefined : check);
    // It is not known whether a failed write is stored, so its outcomes are never told.
    if (fault === 'failed') for (const removedId of removed) oracle.lost(removedId);
  }

  /**
   * The process ends, and all that it has not stored.
   *
   * @param mayRollBack Whether its outbox may lose its latest writes.
   */
  crash(mayRollBack: boolean): void {
    const { host, outbox, inbox } = this;
    const { chance, counts, oracle, plan } = this.run;
    counts.crashes++;
    if (this.run.trace) this.run.log(`${this.side} crashes`);
    outbox?.crash();
    inbox?.crash();
    host.isDead = true;
    host.send = undefined;
    if (outbox && chance.hit(plan.rollBack) && mayRollBack) {
      oracle.rolledBack(outbox.data.ids);
      outbox.data.rollBack(chance.whole(1, 5));
      oracle.rolledBack(outbox.data.ids);
    }
    const kept = new Set(outbox?.data.ids);
    // A message that is not stored is lost with the process, as is an outcome that it has stored and not told.
    for (const id of host.ids) if (!kept.has(id)) oracle.lost(id);
  }
}
