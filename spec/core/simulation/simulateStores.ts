import { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import type { SessionCore } from '../../../lib/core/sessionCore.js';
import { OUTDATED, WRONG_TOKEN } from '../../../lib/core/frameFormat.js';
import { SessionStores } from '../../../lib/core/sessionStores.js';
import { readHello, refusalOf, type ReceivedHello } from '../../../lib/core/serverHandshake.js';
import type { SessionEvent, SessionOptions } from '../../../lib/core/sessionTypes.js';
import type { Delivery, Message } from '../../../lib/message/types.js';
import { createChance, type Chance } from '../../simulation/chance.js';
import { SimulatedBodies } from './bodies.js';
import { VirtualClock } from './clock.js';
import { CoreHost, type StoreEffect } from './host.js';
import { SimulatedLink, type LinkFaults } from './link.js';
import { InboxData, OutboxData, SimulatedInbox, SimulatedOutbox, type Answer, type StoreFaults } from './stores.js';
import { StoreOracle, type Effect } from './storeOracle.js';
import type { Body } from '../../../lib/core/storedTypes.js';

/** The codes with which an honest side may close a connection. */
const EXPECTED: readonly number[] = [1006, 1011, 1013, 4409, 4408, 4410, 4411];
const DURATION = 12_000;
const REST = 400_000;
const PAYLOAD = 'x'.repeat(60);

/** The numbers of a run: what has happened in it. */
export interface StoreCounts {
  messages: number;
  cuts: number;
  crashes: number;
  outcomes: Map<string, number>;
}

/** Runs one seed: a session with stores, whose owners, servers and stores fail. Throws when a promise is broken. */
export function simulateStores(seed: number, trace?: (line: string) => void): StoreCounts {
  return new World(seed, trace).run();
}

/** A process: its host, its stores, and its connection. */
interface Process {
  readonly host: CoreHost;
  readonly outbox: SimulatedOutbox | undefined;
  readonly inbox: SimulatedInbox | undefined;
}
interface ServerSession extends Process {
  readonly pid: string;
}
/** A server process, with the sessions of the clients that have reached it. */
interface ServerProcess {
  session: ServerSession | undefined;
  /** How often the process has started. */
  run: number;
}

class World {
  readonly #clock = new VirtualClock();
  readonly #bodies = new SimulatedBodies();
  readonly #chance: Chance;
  readonly #oracle: StoreOracle;
  readonly #counts: StoreCounts = { messages: 0, cuts: 0, crashes: 0, outcomes: new Map() };
  readonly #faults: LinkFaults;
  readonly #storeFaults: StoreFaults;
  readonly #plan;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #clientOutbox = new OutboxData(this.#bodies);
  readonly #clientInbox = new InboxData();
  /** The outboxes of the server, by the names of the clients' outboxes. */
  readonly #serverOutboxes = new Map<string, OutboxData>();
  readonly #serverInbox = new InboxData();
  readonly #pid: string;
  readonly #clients: ClientProcess[] = [];
  readonly #servers: ServerProcess[] = [];
  #owners = 0;
  #isCalm = false;

  constructor(seed: number, trace?: (line: string) => void) {
    this.#trace = trace;
    const chance = (this.#chance = createChance(seed));
    this.#faults = { maxDelay: chance.pick([0, 5, 50, 200]), loss: chance.pick([0, 0, 0.02]), repeat: chance.pick([0, 0.02]) };
    this.#storeFaults = {
      maxDelay: chance.pick([0, 0, 5, 50, 400]),
      quota: chance.pick([0, 0, 0.05]),
      failure: chance.pick([0, 0, 0.002]),
    };
    const serverInbox = chance.hit(0.7);
    this.#plan = {
      clientOutbox: chance.hit(0.8),
      clientInbox: chance.hit(0.5),
      serverInbox,
      serverOutbox: serverInbox && chance.hit(0.6),
      // Only servers that share an inbox know the clients of each other.
      servers: serverInbox ? chance.pick([1, 1, 2]) : 1,
      isAsync: chance.hit(0.25),
      isWatched: chance.hit(0.6),
      window: chance.pick([1, 2, 8, 64]),
      bytes: chance.pick([400, 5_000, 100_000]),
      maxFrame: chance.pick([600, 100_000]),
      ackDelay: chance.pick([0, 25, 500]),
      levels: chance.pick<readonly Delivery[]>([['exactly-once'], ['exactly-once'], ['at-least-once'], ['exactly-once', 'at-least-once']]),
      ttl: chance.pick([0, 0, 0.2]),
      bad: chance.pick([0, 0, 0.03]),
      rejects: chance.pick([0, 0.05]),
      slow: chance.pick([0, 0.3]),
      rate: chance.pick([1, 5, 20]),
      burst: chance.pick([1, 1, 10]),
      cutEvery: chance.pick([0, 600, 2_000]),
      clientCrashEvery: chance.pick([0, 1_500, 4_000]),
      takeOverEvery: chance.pick([0, 0, 3_000]),
      serverCrashEvery: chance.pick([0, 1_500, 4_000]),
      freezeEvery: chance.pick([0, 0, 3_000]),
      rollBack: chance.pick([0, 0, 0, 0.5]),
      limits: chance.hit(0.3),
    };
    if (!this.#plan.clientOutbox) this.#plan.clientInbox = false;
    this.#pid = chance.name();
    this.#oracle = new StoreOracle(this.#plan.serverInbox, this.#plan.clientInbox);
  }

  run(): StoreCounts {
    const plan = this.#plan;
    if (this.#trace) this.#log(JSON.stringify(plan));
    for (let index = 0; index < plan.servers; index++) this.#servers.push({ session: undefined, run: 0 });
    this.#startClient();
    this.#send(0);
    this.#send(1);
    this.#every(plan.cutEvery, () => {
      this.#counts.cuts++;
      if (this.#clients.length > 0) this.#chance.pick(this.#clients).cut();
    });
    this.#every(plan.clientCrashEvery, () => this.#crashClient());
    this.#every(plan.takeOverEvery, () => plan.clientOutbox && this.#startClient());
    this.#every(plan.serverCrashEvery, () => this.#crashServer(this.#chance.pick(this.#servers)));
    this.#every(plan.freezeEvery, () => this.#freeze());
    while (this.#clock.step(DURATION));
    this.#isCalm = true;
    Object.assign(this.#faults, { loss: 0 });
    Object.assign(this.#storeFaults, { quota: 0, failure: 0 });
    this.#endDetached();
    this.#settle();
    if (!this.#isDone()) throw new Error(`messages are left when the faults have stopped: ${this.#left()}`);
    // A client without an outbox has not returned: nobody asks for its messages.
    const [client] = this.#clients;
    for (const [pid, data] of this.#serverOutboxes) if (pid !== client?.pid) data.ids.forEach((id) => this.#oracle.lost(id));
    if (!this.#isRefused) this.#oracle.finish(this.#plan.isWatched);
    return this.#counts;
  }

  /** Runs until all is done. An action seldom finishes it: the world is checked from time to time. */
  #settle(): void {
    for (let checkAt = this.#clock.now; this.#clock.now < checkAt || !this.#isDone();) {
      if (this.#clock.now >= checkAt) checkAt = this.#clock.now + 20;
      if (!this.#clock.step(DURATION + REST)) return;
    }
  }

  // ---- Processes

  /** A new owner of the client's outbox. Without one, the former client is gone. */
  #startClient(): void {
    const { clientOutbox, clientInbox } = this.#plan;
    const owner = ++this.#owners;
    if (this.#trace) this.#log(`c${owner} starts`);
    const outbox = clientOutbox ? new SimulatedOutbox(this.#clientOutbox, this.#clock, this.#chance, this.#storeFaults) : undefined;
    const contents = outbox?.open();
    const { epoch } = this.#clientOutbox;
    const identity = new ClientIdentity(outbox ? this.#pid : this.#chance.name(), outbox ? epoch : 1);
    const inbox = clientInbox
      ? new SimulatedInbox(this.#clientInbox, `c${owner}`, epoch, this.#clock, this.#chance, this.#storeFaults)
      : undefined;
    identity.ticket = contents?.ticket;
    const row = identity.ticket && inbox?.claim(identity.ticket.sid, (found) => (found?.epoch ?? 0) <= epoch);
    const stores = outbox ? new SessionStores({ hasOutbox: true, hasInbox: clientInbox, maxStored: 30 }) : undefined;
    const client: ClientProcess = new ClientProcess(
      `c${owner}`,
      identity.pid,
      this.#hostOf('c', `c${owner}`, { outbox, inbox, stores, identity, onClose: () => client.reconnect(), link: () => client.link }),
      outbox,
      inbox,
      { connect: (mine) => this.#connect(mine), clock: this.#clock, chance: this.#chance },
    );
    this.#clients.push(client);
    client.host.run((core) => {
      if (stores) core.restore({ key: identity.ticket?.sid ?? '', outbox: contents, cursor: row?.cursor });
    });
    client.host.ids.push(...(contents ? this.#clientOutbox.ids : []));
    this.#give(client.host, this.#unsent[0].splice(0));
    client.reconnect();
  }
  #crashClient(): void {
    const [client] = this.#clients.splice(this.#chance.whole(0, this.#clients.length - 1), 1);
    if (client) this.#crash(client, this.#clientOutbox, 'c');
    client?.cut();
    // An earlier owner cannot go on.
    const isOwned = this.#clients.some(({ outbox }) => outbox === this.#clientOutbox.owner);
    if (!isOwned) this.#startClient();
  }
  /** A process ends, and all that it has not stored. */
  #crash(process: Process, data: OutboxData, side: 'c' | 's'): void {
    this.#counts.crashes++;
    if (this.#trace) this.#log(`${side} crashes`);
    const { host, outbox, inbox } = process;
    outbox?.crash();
    inbox?.crash();
    host.isDead = true;
    host.send = undefined;
    if (outbox && this.#chance.hit(this.#plan.rollBack) && this.#clients.length === 0) {
      this.#oracle.rolledBack(data.ids);
      data.rollBack(this.#chance.whole(1, 5));
      this.#oracle.rolledBack(data.ids);
    }
    const kept = new Set(outbox ? data.ids : []);
    // A message that is not stored is lost with the process, as is an outcome that it has stored and not told.
    for (const id of host.ids) if (!kept.has(id)) this.#oracle.lost(id);
  }
  #outboxFor(pid: string): OutboxData {
    const data = this.#serverOutboxes.get(pid) ?? new OutboxData(this.#bodies);
    this.#serverOutboxes.set(pid, data);
    return data;
  }
  #crashServer(server: ServerProcess): void {
    const { session } = server;
    server.run++;
    server.session = undefined;
    if (session) this.#crash(session, this.#outboxFor(session.pid), 's');
    for (const client of this.#clients) client.cut();
  }
  #freeze(): void {
    const hosts = [...this.#clients, ...this.#servers.flatMap(({ session }) => session ?? [])].map(({ host }) => host);
    if (hosts.length > 0) this.#chance.pick(hosts).freeze(this.#chance.whole(1, 4_000));
  }

  #hostOf(
    side: 'c' | 's',
    name: string,
    parts: {
      readonly outbox: SimulatedOutbox | undefined;
      readonly inbox: SimulatedInbox | undefined;
      readonly stores: SessionStores | undefined;
      readonly identity?: ClientIdentity;
      readonly onClose: () => void;
      readonly link: () => SimulatedLink | undefined;
    },
  ): CoreHost {
    const host: CoreHost = new CoreHost(
      this.#clock,
      this.#chance,
      this.#optionsOf(side),
      {
        handle: (event) => this.#handle(side, name, event, host),
        close: (code, reason) => {
          if (this.#trace) this.#log(`${name}: closes with ${code}, ${reason}`);
          if (!EXPECTED.includes(code)) throw new Error(`${name} closes with ${code}: ${reason}`);
          parts.link()?.close(side === 'c' ? 0 : 1, code);
          parts.onClose();
        },
        write: (effect, answer) => this.#write(name, parts, effect, answer, host),
      },
      parts.identity,
      parts.stores,
    );
    host.core.outgoing.isWatched = () => this.#plan.isWatched;
    this.#hosts.push(host);
    return host;
  }
  #write(name: string, { outbox, inbox }: Pick<Process, 'outbox' | 'inbox'>, effect: StoreEffect, answer: Answer, host: CoreHost): void {
    if (this.#trace) this.#log(`${name}: writes ${JSON.stringify(effect)}`.slice(0, 260));
    const done =
      (removed: () => readonly string[]): Answer =>
      (fault) => {
        if (this.#trace) this.#log(`${name}: write ${effect.id} ${fault ?? 'is stored'}`);
        answer(fault);
        // Nobody knows whether a failed write is stored, so nobody tells its outcomes.
        if (fault === 'failed') removed().forEach((id) => this.#oracle.lost(id));
        // A message that the outbox has removed has its outcome when the write is answered.
        if (!fault && !host.isDead)
          this.#clock.after(0, () => host.run(() => this.#oracle.checkRemoved(removed(), this.#plan.isWatched, host.isDead)));
      };
    if (effect.kind === 'outbox') {
      let removed: readonly string[] = [];
      outbox?.write(
        effect.write,
        done(() => removed),
        (ids) => (removed = ids),
      );
    } else
      inbox?.write(
        effect.write,
        done(() => []),
        (effects) => effects.forEach((one) => this.#oracle.committed(one as Effect)),
      );
  }
  #optionsOf(side: 'c' | 's'): SessionOptions {
    const { window, bytes, ackDelay, limits } = this.#plan;
    const chance = this.#chance;
    return {
      id: side === 'c' ? 'client' : 'server',
      delivery: this.#plan.levels[0]!,
      codecs: [this.#bodies.codec(this.#plan.isAsync, limits && chance.hit(0.5) ? 3 : 256)],
      window,
      bytes,
      maxFrame: limits && chance.hit(0.5) ? 500 : this.#plan.maxFrame,
      maxQueued: 10_000,
      maxBadFrames: 3,
      overflow: 'drop-lowest',
      pingInterval: 2_000,
      handshakeTimeout: 1_500,
      ackDelayOf: () => ackDelay,
      secret: (length) => String(chance.whole(1e14, 9e14)).padEnd(length, '-'),
    };
  }
  #handle(side: 'c' | 's', name: string, event: SessionEvent, host: CoreHost): void {
    if (event.kind === 'outcome') {
      if (this.#trace) this.#log(`${name}: ${event.message.id} ${event.outcome}`);
      this.#counts.outcomes.set(event.outcome, (this.#counts.outcomes.get(event.outcome) ?? 0) + 1);
      this.#oracle.ended(event.message.id, event.outcome, host);
    } else if (event.kind === 'message') this.#receive(side, name, event, host);
    else if (event.kind === 'effect-failed') {
      const { number, progress } = event;
      // The handler tries again.
      this.#clock.after(this.#chance.whole(1, 50), () =>
        host.run((core, now) => core.processed(number, progress, now, undefined, this.#effects.get(progress)?.get(number))),
      );
    } else if (event.kind === 'store-failed') {
      if (this.#trace) this.#log(`${name}: the ${event.store} has ${event.fault}`);
      this.#stopped(side, host);
    }
  }
  readonly #effects = new WeakMap<object, Map<number, Effect>>();
  #receive(side: 'c' | 's', name: string, { message, number, progress }: Extract<SessionEvent, { kind: 'message' }>, host: CoreHost): void {
    if (this.#trace) this.#log(`${name}: receives ${message.id} (${number})`);
    this.#oracle.delivered(message.id, progress);
    const isRejected = this.#chance.hit(this.#plan.rejects);
    const rejection = isRejected
      ? { kind: this.#chance.pick(['refused', 'dead-lettered'] as const), code: 'ERR_TEST', reason: 'a test' }
      : undefined;
    const hasInbox = side === 'c' ? this.#plan.clientInbox : this.#plan.serverInbox;
    const effect: Effect = { id: message.id, rejectedAs: rejection?.kind };
    const process = (core: SessionCore): void => {
      if (!hasInbox) this.#oracle.processed(effect);
      const effects = this.#effects.get(progress) ?? new Map<number, Effect>();
      this.#effects.set(progress, effects.set(number, { id: message.id, rejectedAs: undefined }));
      core.processed(number, progress, this.#clock.now, rejection, hasInbox ? effect : undefined);
    };
    if (this.#chance.hit(this.#plan.slow))
      this.#clock.after(this.#chance.whole(1, 2_000), () => host.run((core) => core.phase !== 'over' && process(core)));
    else process(host.core);
  }
  /** A session has ended, because its store has failed or has another owner. */
  #stopped(side: 'c' | 's', host: CoreHost): void {
    if (side === 'c') {
      const index = this.#clients.findIndex((client) => client.host === host);
      const [client] = index < 0 ? [] : this.#clients.splice(index, 1);
      client?.cut();
      if (this.#clients.length === 0)
        this.#clock.after(this.#chance.whole(1, 200), () => this.#clients.length === 0 && this.#startClient());
      return;
    }
    for (const server of this.#servers) if (server.session?.host === host) server.session = undefined;
    for (const client of this.#clients) if (client.peer === host) client.cut();
  }

  // ---- Connections

  #connect(client: ClientProcess): void {
    const server = this.#chance.pick(this.#servers);
    const { run } = server;
    let session: CoreHost | undefined;
    let isClaiming = false;
    const early: Body[] = [];
    const link: SimulatedLink = new SimulatedLink(
      this.#clock,
      this.#chance,
      this.#faults,
      {
        received: (frame) => client.link === link && client.host.run((core, now) => core.receive(frame, now)),
        closed: (code) => {
          if (client.link !== link) return;
          if (this.#trace) this.#log(`${client.name}: the connection has ended with ${code}`);
          client.host.send = undefined;
          client.host.run((core) => core.closed());
          // The outbox has a later owner.
          if (code === 4409 && client.outbox) {
            client.host.run((core) => core.end());
            this.#stopped('c', client.host);
          } else client.reconnect();
        },
      },
      {
        received: (frame) => {
          if (server.run !== run) return;
          if (session) {
            const mine = session;
            mine.run((core, now) => mine.send === toClient && core.receive(frame, now));
          } else if (isClaiming) early.push(frame);
          else if (typeof frame === 'string' && frame.startsWith('["hello"')) {
            isClaiming = true;
            this.#clock.after(this.#chance.whole(0, this.#storeFaults.maxDelay), () => {
              if (server.run !== run) return;
              session = this.#accept(server, readHello(frame), link, toClient);
              client.peer = session ?? client.peer;
              const mine = session;
              for (const later of early.splice(0)) mine?.run((core, now) => mine.send === toClient && core.receive(later, now));
            });
          }
        },
        closed: () => {
          const mine = session;
          mine?.run((core) => {
            if (mine.send !== toClient) return;
            mine.send = undefined;
            core.closed();
          });
        },
      },
    );
    const toClient = (frame: Body): void => link.send(1, this.#logged('s', frame));
    client.link = link;
    client.host.send = (frame) => link.send(0, this.#logged(client.name, frame));
    client.host.run((core, now) => client.link === link && core.opened(now));
  }
  #accept(server: ServerProcess, hello: ReceivedHello, link: SimulatedLink, toClient: (frame: Body) => void): CoreHost | undefined {
    const refuse = (code: number): undefined => {
      if (this.#trace) this.#log(`s: refuses the hello ${hello.epoch}/${hello.n} with ${code}`);
      const isOwner = this.#clients.some(({ host }) => host.core.phase !== 'over') && this.#clients.length > 1;
      // An outbox that has lost its ticket is refused.
      if (code === 4403 && this.#plan.rollBack > 0) this.#isRefused = true;
      else if (code === 4403 && !isOwner) throw new Error('the server refuses an honest client for good');
      link.close(1, code);
      return undefined;
    };
    const { session } = server;
    const refusedAs = session?.pid === hello.pid ? refusalOf(session.host.server!.record, hello) : undefined;
    // An earlier hello must not end the session of a later one, also if nothing of that is stored.
    if (refusedAs === OUTDATED) {
      refuse(OUTDATED);
      return undefined;
    }
    // Only the row refuses a token: another server may have the session now.
    const isRefused = this.#plan.serverInbox && refusedAs === WRONG_TOKEN;
    const isUsable = session?.pid === hello.pid && !isRefused && (!this.#plan.serverInbox || session.host.isStored());
    if (session && !isUsable) {
      this.#end(session);
      server.session = undefined;
    }
    const made = server.session ?? this.#begin(hello, () => link);
    if (typeof made === 'number') {
      refuse(made);
      return;
    }
    server.session = made;
    const { host } = made;
    this.#serverLinks.set(host, link);
    let refusal: number | undefined;
    host.run((_, now) => {
      refusal = host.server!.accept(hello, now);
      if (refusal === undefined) host.send = toClient;
    });
    if (host.core.phase === 'over') return undefined;
    if (refusal === undefined) return host;
    refuse(refusal);
    return undefined;
  }
  readonly #serverLinks = new WeakMap<CoreHost, SimulatedLink>();
  /** Claims a client at a server, and restores its session. Returns the code of a refusal. */
  #begin(hello: ReceivedHello, link: () => SimulatedLink): ServerSession | number {
    const { serverInbox, serverOutbox } = this.#plan;
    const owner = `s${++this.#owners}`;
    const inbox = serverInbox
      ? new SimulatedInbox(this.#serverInbox, owner, hello.epoch, this.#clock, this.#chance, this.#storeFaults)
      : undefined;
    let refusal: number | undefined;
    const row = inbox?.claim(hello.pid, (found) => {
      refusal = refusalOf(found?.record, hello);
      return refusal === undefined;
    });
    if (refusal !== undefined) return refusal;
    const outbox = serverOutbox ? new SimulatedOutbox(this.#outboxFor(hello.pid), this.#clock, this.#chance, this.#storeFaults) : undefined;
    const contents = outbox?.open(hello);
    if (outbox && !contents) return 1013;
    const stores = serverInbox ? new SessionStores({ hasOutbox: serverOutbox, hasInbox: true, maxStored: 30 }) : undefined;
    const host: CoreHost = this.#hostOf('s', owner, {
      outbox,
      inbox,
      stores,
      onClose: () => (host.send = undefined),
      link: () => this.#serverLinks.get(host) ?? link(),
    });
    host.run((core) => {
      if (stores) core.restore({ key: hello.pid, outbox: contents, cursor: row?.cursor, record: row?.record });
    });
    host.ids.push(...(contents ? this.#outboxFor(hello.pid).ids : []));
    this.#give(host, this.#unsent[1].splice(0));
    host.isStored = () => stores?.isStored === true;
    return { host, outbox, inbox, pid: hello.pid };
  }
  #end({ host }: Process): void {
    host.run((core) => core.end());
  }
  /** A session ends whose client does not return. */
  #endDetached(): void {
    for (const server of this.#servers) {
      if (!server.session || server.session.host.send) continue;
      this.#end(server.session);
      server.session = undefined;
    }
    this.#clock.after(10_000, () => this.#endDetached());
  }

  // ---- Faults and messages

  #every(interval: number, act: () => void): void {
    if (interval === 0) return;
    this.#clock.after(this.#chance.whole(1, 2 * interval), () => {
      if (this.#isCalm) return;
      act();
      this.#every(interval, act);
    });
  }
  readonly #unsent: readonly [Message[], Message[]] = [[], []];
  #send(side: 0 | 1): void {
    const { rate, burst } = this.#plan;
    this.#clock.after(this.#chance.whole(1, Math.ceil((2_000 * burst) / rate)), () => {
      if (this.#isCalm) return;
      const messages = Array.from({ length: this.#chance.whole(1, burst) }, () => this.#message(side));
      const hosts = side === 0 ? this.#clients : this.#servers.flatMap(({ session }) => session ?? []);
      const host = hosts.map((one) => one.host).filter(({ core }) => core.phase !== 'over');
      if (host.length > 0) {
        this.#give(this.#chance.pick(host), messages);
      } else this.#unsent[side].push(...messages);
      this.#send(side);
    });
  }
  #give(host: CoreHost, messages: readonly Message[]): void {
    host.ids.push(...messages.map(({ id }) => id));
    if (this.#trace) this.#log(`${host.core.phase}: is given ${messages.map(({ id }) => id).join(' ')}`);
    host.run((core) => messages.forEach((message) => (core.phase === 'over' ? this.#oracle.lost(message.id) : core.send(message))));
  }
  #message(side: 0 | 1): Message {
    const { levels, ttl, bad } = this.#plan;
    const chance = this.#chance;
    const id = `${side === 0 ? 'c' : 's'}${this.#counts.messages++}`;
    const level = chance.pick(levels);
    this.#oracle.sent(id, level);
    const message = {
      id,
      type: chance.hit(bad) ? 'bad' : 'item',
      timestamp: this.#clock.now,
      version: '1.0',
      source: '',
      payload: PAYLOAD.slice(chance.whole(0, PAYLOAD.length)),
      delivery: level,
    };
    return chance.hit(ttl) ? { ...message, ttl: chance.whole(0, 1_000) } : message;
  }

  readonly #hosts: CoreHost[] = [];
  #isRefused = false;
  #isDone(): boolean {
    if (this.#isRefused) return true;
    // A session that has ended tells its outcomes when its last write is answered.
    const isEnding = ({ isDead, core }: CoreHost): boolean => !isDead && core.phase === 'over' && !core.isEnded;
    if (this.#hosts.some((host) => host.isFrozen || isEnding(host))) return false;
    const sessions = this.#servers.flatMap(({ session }) => session ?? []);
    const isAttached = sessions.some(({ host }) => host.send !== undefined);
    if (this.#clients.length === 0 || !isAttached || this.#unsent[1].length > 0) return false;
    return [...this.#clients, ...sessions].every(({ host: { core } }) => core.outgoing.isEmpty && core.isDrained);
  }
  #left(): string {
    const hosts = [...this.#clients, ...this.#servers.flatMap(({ session }) => session ?? [])];
    return hosts.map(({ host: { core } }) => `${core.phase} ${[...core.outgoing.pending.keys()].join(' ')} ${core.isDrained}`).join(' | ');
  }
  #log(line: string): void {
    this.#trace?.(`${String(this.#clock.now).padStart(7)}  ${line}`);
  }
  #logged(name: string, frame: Body): Body {
    if (this.#trace) this.#log(`${name} → ${String(frame).slice(0, 200)}`);
    return frame;
  }
}

/** A process of the client, which connects again and again. */
class ClientProcess implements Process {
  link: SimulatedLink | undefined;
  /** The session of the server that has answered last. */
  peer: CoreHost | undefined;
  #isWaiting = false;

  constructor(
    readonly name: string,
    readonly pid: string,
    readonly host: CoreHost,
    readonly outbox: SimulatedOutbox | undefined,
    readonly inbox: SimulatedInbox | undefined,
    private readonly parts: { readonly connect: (client: ClientProcess) => void; readonly clock: VirtualClock; readonly chance: Chance },
  ) {}
  cut(): void {
    this.link?.cut();
  }
  reconnect(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.link = undefined;
    this.host.send = undefined;
    this.parts.clock.after(this.parts.chance.whole(0, 500), () => {
      this.#isWaiting = false;
      if (this.host.isFrozen) {
        this.reconnect();
        return;
      }
      if (!this.host.isDead && this.host.core.phase !== 'over') this.parts.connect(this);
    });
  }
}
