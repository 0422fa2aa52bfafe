import { SUPERSEDED, FORBIDDEN } from '../../../lib/message/closeCode.js';

import { readHello, refusalOf, type ReceivedHello } from '../../../lib/core/serverHandshake.js';
import type { Body } from '../../../lib/core/storedTypes.js';
import type { CoreHost } from './host.js';
import { SimulatedLink } from './link.js';
import type { StoreApplications } from './storeApplications.js';
import type { ClientProcess, StoreClients } from './storeClients.js';
import { StoreProcess } from './storeProcess.js';
import type { StoreRun } from './storeRun.js';
import { OutboxData, SimulatedInbox, SimulatedOutbox, type InboxData } from './stores.js';

/** A server process, with the session of the client that has reached it last. */
interface ServerProcess {
  session: ServerSession | undefined;
  /** How often the process has started. */
  run: number;
}

class ServerSession extends StoreProcess {
  /** Whether the client is stored. */
  get isStored(): boolean {
    return this.stores?.isStored === true;
  }
  protected closed(): void {
    this.host.send = undefined;
  }
}

/** The server processes, which share their stores. */
export class StoreServers {
  readonly #servers: ServerProcess[] = [];
  /** The outboxes, by the names of the clients' outboxes. */
  readonly #outboxes = new Map<string, OutboxData>();
  readonly #inbox: InboxData = new Map();

  constructor(
    private readonly run: StoreRun,
    private readonly applications: StoreApplications,
    private readonly clients: StoreClients,
  ) {
    for (let index = 0; index < run.plan.servers; index++) this.#servers.push({ session: undefined, run: 0 });
  }
  get sessions(): readonly ServerSession[] {
    const sessions: ServerSession[] = [];
    for (const { session } of this.#servers) if (session) sessions.push(session);
    return sessions;
  }

  // ---- Processes

  crash(): void {
    const server = this.run.chance.pick(this.#servers);
    const { session } = server;
    server.run++;
    server.session = undefined;
    session?.crash(this.clients.all.length === 0);
    this.clients.cut(() => true);
  }
  /** A session has ended because of its stores. */
  stopped(session: StoreProcess): void {
    for (const server of this.#servers) if (server.session === session) server.session = undefined;
    this.clients.cut(({ peer }) => peer === session.host);
  }
  /** Ends the sessions whose clients do not return, from time to time. */
  endDetached(): void {
    for (const server of this.#servers) if (server.session && !server.session.host.send) this.#end(server);
    this.run.clock.after(10_000, () => this.endDetached());
  }
  #end(server: ServerProcess): void {
    server.session?.host.run((core) => core.end());
    server.session = undefined;
  }
  /** A client without an outbox that has not returned never asks for its messages: they are lost. */
  loseOthers(pid: string | undefined): void {
    for (const [key, data] of this.#outboxes) if (key !== pid) for (const id of data.ids) this.run.oracle.lost(id);
  }

  // ---- Connections

  /** Connects a client to one of the processes. */
  connect(client: ClientProcess): void {
    const run = this.run;
    const server = run.chance.pick(this.#servers);
    const { run: serverRun } = server;
    let session: CoreHost | undefined;
    let isClaiming = false;
    const early: Body[] = [];
    const receive = (host: CoreHost, frame: Body): void => host.receive(frame, () => host.send === toClient);
    const claim = (frame: string): void => {
      if (server.run !== serverRun) return;
      session = this.#accept(server, readHello(frame), link, toClient);
      client.peer = session ?? client.peer;
      for (const later of early.splice(0)) if (session) receive(session, later);
    };
    const clientEnd = {
      received: (frame: Body) => client.link === link && client.host.receive(frame),
      closed: (code: number) => {
        if (client.link === link) this.#ended(client, code);
      },
    };
    const serverEnd = {
      received: (frame: Body) => {
        if (server.run !== serverRun) return;
        if (session) receive(session, frame);
        else if (isClaiming) early.push(frame);
        else if (typeof frame === 'string' && frame.startsWith('["hello"')) {
          isClaiming = true;
          run.clock.after(run.chance.whole(0, run.plan.storeFaults.maxDelay), () => claim(frame));
        }
      },
      closed: () => {
        const host = session;
        host?.run((core) => {
          if (host.send !== toClient) return;
          host.send = undefined;
          core.closed();
        });
      },
    };
    const link: SimulatedLink = new SimulatedLink(run, run.plan.linkFaults, clientEnd, serverEnd);
    const toClient = (frame: Body): void => {
      if (run.trace) run.logFrame('s', frame);
      link.send(1, frame);
    };
    client.link = link;
    client.host.send = (frame) => {
      if (run.trace) run.logFrame(client.name, frame);
      link.send(0, frame);
    };
    client.host.run((core, now) => client.link === link && core.opened(now));
  }
  /** The connection of a client has ended. */
  #ended(client: ClientProcess, code: number): void {
    const { host, outbox, name } = client;
    if (this.run.trace) this.run.log(`${name}: the connection has ended with ${code}`);
    host.send = undefined;
    host.run((core) => core.closed());
    // The outbox has a later owner.
    if (code === 4409 && outbox) {
      host.run((core) => core.end());
      this.clients.stopped(client);
    } else client.reconnect();
  }

  /** A server process decides about a hello. Returns the session; undefined if the hello is refused. */
  #accept(server: ServerProcess, hello: ReceivedHello, link: SimulatedLink, send: (frame: Body) => void): CoreHost | undefined {
    const session = this.#sessionFor(server, hello, link);
    let refusal: number | undefined;
    if (typeof session === 'number') refusal = session;
    else {
      server.session = session;
      session.link = link;
      session.host.run((_, now) => {
        refusal = session.host.server!.accept(hello, now);
        if (refusal === undefined) session.host.send = send;
      });
      // A store that answers at once may have failed before the process had the session.
      if (session.host.core.phase === 'over') {
        server.session = undefined;
        return undefined;
      }
      if (refusal === undefined) return session.host;
    }
    this.#refuse(hello, link, refusal);
    return undefined;
  }
  /** Returns the session of a server process for a client, or the code of a refusal. */
  #sessionFor(server: ServerProcess, hello: ReceivedHello, link: SimulatedLink): ServerSession | number {
    const { serverInbox } = this.run.plan;
    const { session } = server;
    const refusedAs = session?.pid === hello.pid ? refusalOf(session.host.server!.record, hello) : undefined;
    // An earlier hello must not end the session of a later one, also if nothing of that is stored.
    if (refusedAs === SUPERSEDED) return SUPERSEDED;
    // Only the row refuses a token: another server may have the session now.
    const isRefused = serverInbox && refusedAs === FORBIDDEN;
    if (session?.pid === hello.pid && !isRefused && (!serverInbox || session.isStored)) return session;
    this.#end(server);
    return this.#begin(hello, link);
  }
  #refuse(hello: ReceivedHello, link: SimulatedLink, code: number): void {
    const run = this.run;
    if (run.trace) run.log(`s: refuses the hello ${hello.epoch}/${hello.n} with ${code}`);
    const { all } = this.clients;
    const hasOthers = all.length > 1 && all.some(({ host }) => host.core.phase !== 'over');
    // An outbox that has lost its ticket is refused.
    if (code === FORBIDDEN && run.plan.rollBack > 0) run.isRefused = true;
    else if (code === FORBIDDEN && !hasOthers) throw new Error('the server refuses an honest client for good');
    link.close(1, code);
  }
  /** Claims a client, and restores its session. Returns the code of a refusal. */
  #begin(hello: ReceivedHello, link: SimulatedLink): ServerSession | number {
    const run = this.run;
    const { pid, epoch } = hello;
    const name = `s${++run.owners}`;
    const inbox = run.plan.serverInbox ? new SimulatedInbox(run, this.#inbox, name, epoch) : undefined;
    let refusal: number | undefined;
    const row = inbox?.claim(pid, (found) => {
      refusal = refusalOf(found?.record, hello);
      return refusal === undefined;
    });
    if (refusal !== undefined) return refusal;
    const outbox = run.plan.serverOutbox ? new SimulatedOutbox(run, this.#outboxFor(pid)) : undefined;
    const contents = outbox?.open(hello);
    if (outbox && !contents) return 1013;
    const session = new ServerSession(run, this.applications, 's', name, pid, outbox, inbox);
    session.link = link;
    session.begin({ key: pid, outbox: contents, cursor: row?.cursor, record: row?.record });
    this.applications.began(session);
    return session;
  }
  #outboxFor(pid: string): OutboxData {
    const data = this.#outboxes.get(pid) ?? new OutboxData(this.run.bodies);
    this.#outboxes.set(pid, data);
    return data;
  }
}
