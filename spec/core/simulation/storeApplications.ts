import type { SessionCore } from '../../../lib/core/sessionCore.js';
import { processed } from '../coreHarness.js';
import type { CoreEvent } from '../../../lib/core/coreTypes.js';
import type { Message } from '../../../lib/message/types.js';
import type { CoreHost } from './host.js';
import type { Side } from './run.js';
import type { Effect } from './storeOracle.js';
import type { EventHandler, StoreProcess } from './storeProcess.js';
import type { StoreRun } from './storeRun.js';

type EventOf<Kind> = Extract<CoreEvent, { readonly kind: Kind }>;

/** The applications of both sides, over all their processes. */
export class StoreApplications implements EventHandler {
  /** The messages of each side that no process has. */
  readonly #unsent: Readonly<Record<Side, Message[]>> = { c: [], s: [] };

  /** @param onStopped Called when a session has ended because of its store. */
  constructor(
    private readonly run: StoreRun,
    private readonly processesOf: (side: Side) => readonly StoreProcess[],
    private readonly onStopped: (process: StoreProcess) => void,
  ) {}
  get isServerWaiting(): boolean {
    return this.#unsent.s.length > 0;
  }

  // ---- Messages of this side

  sendAll(): void {
    const { rate, burst } = this.run.plan;
    for (const side of ['c', 's'] as const) this.run.every(Math.ceil((2_000 * burst) / rate) / 2, () => this.#send(side));
  }
  #send(side: Side): void {
    const { chance, plan } = this.run;
    const messages: Message[] = [];
    for (let left = chance.whole(1, plan.burst); left > 0; left--) messages.push(this.#message(side));
    const processes = this.processesOf(side).filter(({ host }) => host.core.phase !== 'over');
    if (processes.length > 0) this.#give(chance.pick(processes).host, messages);
    else this.#unsent[side].push(...messages);
  }
  #message(side: Side): Message {
    const { chance, counts, oracle, plan } = this.run;
    const index = counts.messages++;
    const id = `${side}${index}`;
    const level = chance.pick(plan.levels);
    oracle.sent(id, index, level);
    return this.run.message(id, chance.hit(plan.bad) ? 'bad' : 'item', level, 1, plan.ttl);
  }
  /** Gives a new process the messages that waited for one. */
  began({ side, host }: StoreProcess): void {
    this.#give(host, this.#unsent[side].splice(0));
  }
  #give(host: CoreHost, messages: readonly Message[]): void {
    for (const { id } of messages) host.ids.push(id);
    if (this.run.trace) this.run.log(`${host.core.phase}: is given ${messages.map(({ id }) => id).join(' ')}`);
    host.run((core) => {
      for (const message of messages)
        if (core.phase === 'over') this.run.oracle.lost(message.id);
        else core.send(message);
    });
  }

  // ---- Events

  handle(event: CoreEvent, process: StoreProcess): void {
    const { clock, chance, oracle } = this.run;
    if (event.kind === 'message') this.#receive(event, process);
    else if (event.kind === 'outcome') {
      if (this.run.trace) this.run.log(`${process.name}: ${event.message.id} ${event.outcome}`);
      this.run.countOutcome(event.outcome);
      oracle.ended(event.message.id, event.outcome, process.host);
    } else if (event.kind === 'effect-failed') {
      const { number, progress } = event;
      // The handler tries again, and does not reject the message.
      const effect: Effect = { id: (event.effect as Effect).id, rejectedAs: undefined };
      clock.after(chance.whole(1, 50), () => process.host.run((core, now) => processed(core, number, progress, now, undefined, effect)));
    } else if (event.kind === 'store-failed') {
      if (this.run.trace) this.run.log(`${process.name}: the ${event.store} has ${event.fault}`);
      // A message without room is given up, and the session goes on.
      if (event.fault === 'quota') throw new Error(`${process.name} has ended: its ${event.store} has no room`);
      this.onStopped(process);
    }
  }
  #receive({ message: { id }, number, progress }: EventOf<'message'>, { side, name, host, inbox, link }: StoreProcess): void {
    const { clock, chance, oracle, plan } = this.run;
    if (this.run.trace) this.run.log(`${name}: receives ${id} (${number})`);
    if (link?.skipped[side === 'c' ? 0 : 1].has(number)) throw new Error(`${id} arrives, and its number was skipped`);
    oracle.delivered(id, progress);
    const rejection = this.run.rejection(plan.rejects);
    const effect: Effect = { id, rejectedAs: rejection?.kind };
    const process = (core: SessionCore): void => {
      if (!inbox) oracle.processed(effect);
      processed(core, number, progress, clock.now, rejection, inbox && effect);
    };
    if (chance.hit(plan.slow)) clock.after(chance.whole(1, 2_000), () => host.run((core) => core.phase !== 'over' && process(core)));
    else process(host.core);
  }
}
