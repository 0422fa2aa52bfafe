import { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import type { CoreHost } from './host.js';
import type { StoreApplications } from './storeApplications.js';
import { StoreProcess, type EventHandler } from './storeProcess.js';
import type { StoreRun } from './storeRun.js';
import { OutboxData, SimulatedInbox, SimulatedOutbox, type InboxData } from './stores.js';

/** The processes of the client: each is an owner of its stores, or was one. */
export class StoreClients {
  readonly all: ClientProcess[] = [];
  readonly #outbox: OutboxData;
  readonly #inbox: InboxData = new Map();

  constructor(
    private readonly run: StoreRun,
    private readonly applications: StoreApplications,
    private readonly connect: (client: ClientProcess) => void,
  ) {
    this.#outbox = new OutboxData(run.bodies);
  }

  /** Starts a new owner of the outbox. Without an outbox, the former client is gone. */
  start(): void {
    const run = this.run;
    const name = `c${++run.owners}`;
    if (run.trace) run.log(`${name} starts`);
    const outbox = run.plan.clientOutbox ? new SimulatedOutbox(run, this.#outbox) : undefined;
    const contents = outbox?.open();
    const { epoch } = this.#outbox;
    const identity = outbox ? new ClientIdentity(run.pid, epoch) : new ClientIdentity(run.chance.name());
    const inbox = run.plan.clientInbox ? new SimulatedInbox(run, this.#inbox, name, epoch) : undefined;
    identity.ticket = contents?.ticket;
    const key = identity.ticket?.sid;
    const row = key === undefined ? undefined : inbox?.claim(key, (found) => (found?.epoch ?? 0) <= epoch);
    const client = new ClientProcess(run, this.applications, name, identity, outbox, inbox, this.connect);
    this.all.push(client);
    client.begin({ key: key ?? '', outbox: contents, cursor: row?.cursor });
    this.applications.began(client);
    client.reconnect();
  }
  /** One process ends, and another one starts if none is left that can go on. */
  crash(): void {
    const [client] = this.all.splice(this.run.chance.whole(0, this.all.length - 1), 1);
    client?.crash(this.all.length === 0);
    client?.cut();
    // An earlier owner cannot go on.
    if (!this.all.some(({ outbox }) => outbox === this.#outbox.owner)) this.start();
  }
  /** The session of a client has ended because of its stores. */
  stopped(client: StoreProcess): void {
    const { clock, chance } = this.run;
    const index = this.all.findIndex((one) => one === client);
    if (index >= 0) this.all.splice(index, 1)[0]?.cut();
    if (this.all.length === 0) clock.after(chance.whole(1, 200), () => this.all.length === 0 && this.start());
  }
  /** Cuts the connections that are chosen. */
  cut(isChosen: (client: ClientProcess) => boolean): void {
    for (const client of this.all) if (isChosen(client)) client.cut();
  }
}

/** A process of the client, which connects again and again. */
export class ClientProcess extends StoreProcess {
  /** The session of the server that has answered last. */
  peer: CoreHost | undefined;
  #isWaiting = false;

  constructor(
    run: StoreRun,
    events: EventHandler,
    name: string,
    identity: ClientIdentity,
    outbox: SimulatedOutbox | undefined,
    inbox: SimulatedInbox | undefined,
    private readonly connect: (client: ClientProcess) => void,
  ) {
    super(run, events, 'c', name, identity.pid, outbox, inbox, identity);
  }
  cut(): void {
    this.link?.cut();
  }
  reconnect(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.link = undefined;
    this.host.send = undefined;
    this.run.clock.after(this.run.chance.whole(0, 500), () => {
      this.#isWaiting = false;
      if (this.host.isFrozen) this.reconnect();
      else if (!this.host.isDead && this.host.core.phase !== 'over') this.connect(this);
    });
  }
  protected closed(): void {
    this.reconnect();
  }
}
