import { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import { readHello } from '../../../lib/core/serverHandshake.js';
import type { SessionEvent, SessionOptions } from '../../../lib/core/sessionTypes.js';
import type { Delivery, Message } from '../../../lib/message/types.js';
import { createChance, type Chance } from '../../simulation/chance.js';
import { SimulatedBodies } from './bodies.js';
import { VirtualClock } from './clock.js';
import { CoreHost } from './host.js';
import { SimulatedLink, type LinkFaults } from './link.js';
import { Oracle, type Tracked } from './oracle.js';
import type { Body } from '../../../lib/core/storedTypes.js';

/** The numbers of a run: what has happened in it. */
export interface RunCounts {
  messages: number;
  cuts: number;
  crashes: number;
  closes: Map<number, number>;
  outcomes: Map<string, number>;
}

/** The codes with which an honest side may close a connection. */
const EXPECTED: readonly number[] = [1006, 4408, 4410, 4411];
const DURATION = 10_000;
const REST = 200_000;
const PAYLOAD = 'x'.repeat(60);

/** Runs one seed: two sides of a session over a link that fails. Throws when a promise is broken. */
export function simulateCore(seed: number, trace?: (line: string) => void): RunCounts {
  return new World(seed, trace).run();
}

class World {
  readonly #clock = new VirtualClock();
  readonly #bodies = new SimulatedBodies();
  readonly #chance: Chance;
  readonly #oracle = new Oracle();
  readonly #counts: RunCounts = { messages: 0, cuts: 0, crashes: 0, closes: new Map(), outcomes: new Map() };
  readonly #faults: LinkFaults;
  readonly #plan;
  readonly #trace: ((line: string) => void) | undefined;
  #client!: CoreHost;
  #identity!: ClientIdentity;
  #server: CoreHost | undefined;
  #link: SimulatedLink | undefined;
  #isCalm = false;
  #isWaiting = false;

  constructor(seed: number, trace?: (line: string) => void) {
    this.#trace = trace;
    const chance = (this.#chance = createChance(seed));
    this.#faults = { maxDelay: chance.pick([0, 5, 50, 200]), loss: chance.pick([0, 0, 0.01, 0.05]), repeat: chance.pick([0, 0, 0.02]) };
    this.#plan = {
      isAsync: chance.hit(0.3),
      isWatched: chance.hit(0.5),
      window: chance.pick([1, 2, 8, 64, 1_024]),
      bytes: chance.pick([200, 2_000, 100_000]),
      maxFrame: chance.pick([400, 2_000, 100_000]),
      maxQueued: chance.pick([3, 20, 1_000]),
      overflow: chance.pick(['drop-lowest', 'drop-oldest', 'drop-newest', 'error'] as const),
      ackDelay: chance.pick([0, 25, 500]),
      levels: chance.pick<readonly Delivery[]>([
        ['exactly-once'],
        ['exactly-once'],
        ['at-least-once'],
        ['exactly-once', 'at-least-once', 'at-most-once'],
      ]),
      priorities: chance.pick([[1], [1], [0, 1, 2, 3]]),
      ttl: chance.pick([0, 0, 0.2]),
      bad: chance.pick([0, 0, 0.03]),
      poison: chance.pick([0, 0, 0.02]),
      rejects: chance.pick([0, 0.05]),
      slow: chance.pick([0, 0, 0.3]),
      rate: chance.pick([1, 5, 20]),
      burst: chance.pick([1, 1, 10, 100]),
      cutEvery: chance.pick([0, 600, 2_000]),
      restartEvery: chance.pick([0, 0, 3_000]),
      clientRestartEvery: chance.pick([0, 0, 0, 4_000]),
    };
  }

  run(): RunCounts {
    this.#startClient();
    this.#connect();
    this.#send(0);
    this.#send(1);
    this.#every(this.#plan.cutEvery, () => this.#cut());
    this.#every(this.#plan.restartEvery, () => this.#restartServer());
    this.#every(this.#plan.clientRestartEvery, () => this.#restartClient());
    while (this.#clock.step(DURATION));
    this.#isCalm = true;
    this.#faults.loss = 0;
    while (!this.#isDone() && this.#clock.step(DURATION + REST));
    if (!this.#isDone()) throw new Error(`messages are left when the faults have stopped: ${this.#left()}`);
    this.#oracle.finish(this.#plan.isWatched);
    return this.#counts;
  }

  // ---- Both sides

  #optionsOf(side: 'c' | 's'): SessionOptions {
    const { window, bytes, maxQueued, overflow, ackDelay } = this.#plan;
    const chance = this.#chance;
    // A server that starts again may have other limits.
    const maxFrame = side === 's' && chance.hit(0.3) ? 400 : this.#plan.maxFrame;
    return {
      id: side === 'c' ? 'client' : 'server',
      delivery: this.#plan.levels[0]!,
      codecs: [this.#bodies.codec(this.#plan.isAsync, chance.hit(0.2) ? 4 : 256, side === 's')],
      window,
      bytes,
      maxFrame,
      maxQueued,
      maxBadFrames: 3,
      overflow,
      pingInterval: 2_000,
      handshakeTimeout: 1_500,
      ackDelayOf: () => ackDelay,
      secret: (length) => String(chance.whole(1e14, 9e14)).padEnd(length, '-'),
    };
  }
  #hostOf(side: 'c' | 's', identity?: ClientIdentity): CoreHost {
    const options = this.#optionsOf(side);
    const handle = (event: SessionEvent, host: CoreHost): void => this.#handle(side, event, host);
    const close = (code: number, reason: string): void => this.#close(side, code, reason);
    const host = new CoreHost(this.#clock, this.#chance, options, { handle, close }, identity);
    host.core.outgoing.isWatched = () => this.#plan.isWatched;
    return host;
  }
  #handle(side: 'c' | 's', event: SessionEvent, host: CoreHost): void {
    if (event.kind === 'outcome') {
      if (this.#trace) this.#log(`${side}: ${event.message.id} ${event.outcome}`);
      this.#count(this.#counts.outcomes, event.outcome);
      this.#oracle.ended(event.message.id, event.outcome);
    } else if (event.kind === 'message') {
      const { message, number, progress } = event;
      if (this.#trace) this.#log(`${side}: receives ${message.id} (${number})`);
      this.#oracle.delivered(message.id, progress);
      const isRejected = this.#chance.hit(this.#plan.rejects);
      const rejection = isRejected
        ? { kind: this.#chance.pick(['refused', 'dead-lettered'] as const), code: 'ERR_TEST', reason: 'a test' }
        : undefined;
      const process = (): void => {
        if (host.isDead) return;
        this.#oracle.processed(message.id, rejection?.kind);
        host.core.processed(number, progress, this.#clock.now, rejection);
      };
      if (this.#chance.hit(this.#plan.slow)) this.#clock.after(this.#chance.whole(1, 2_000), () => host.run(process));
      else process();
    } else if (event.kind === 'undecodable') {
      const rejection = { kind: 'undecodable', code: 'ERR_DECODE', reason: 'a test' } as const;
      for (const number of event.numbers) host.core.processed(number, event.progress, this.#clock.now, rejection);
    }
  }
  #close(side: 'c' | 's', code: number, reason: string): void {
    if (this.#trace) this.#log(`${side}: closes with ${code}, ${reason}`);
    this.#count(this.#counts.closes, code);
    if (!EXPECTED.includes(code)) throw new Error(`${side === 'c' ? 'the client' : 'the server'} closes with ${code}: ${reason}`);
    this.#link?.close(side === 'c' ? 0 : 1, code);
    if (side === 'c') this.#reconnect();
  }

  // ---- Connections

  #startClient(): void {
    this.#identity = new ClientIdentity(this.#chance.name());
    this.#client = this.#hostOf('c', this.#identity);
  }
  #connect(): void {
    this.#isWaiting = false;
    const client = this.#client;
    let server: CoreHost | undefined;
    const link: SimulatedLink = new SimulatedLink(
      this.#clock,
      this.#chance,
      this.#faults,
      {
        received: (frame) => {
          if (this.#link === link) client.run((core, now) => core.receive(frame, now));
        },
        closed: (code) => {
          if (this.#link !== link) return;
          if (this.#trace) this.#log(`c: the connection has ended with ${code}`);
          client.send = undefined;
          client.run((core) => core.closed());
          this.#reconnect();
        },
      },
      {
        received: (frame) => {
          if (!server) server = this.#accept(link, frame);
          else if (server.send === toClient) server.run((core, now) => core.receive(frame, now));
        },
        closed: () => {
          if (server?.send !== toClient) return;
          server.send = undefined;
          server.run((core) => core.closed());
        },
      },
    );
    const toClient = (frame: Body): void => link.send(1, this.#logged('s', frame));
    this.#toClient.set(link, toClient);
    this.#link = link;
    client.send = (frame) => link.send(0, this.#logged('c', frame));
    client.run((core, now) => core.opened(now));
  }
  readonly #toClient = new WeakMap<SimulatedLink, (frame: Body) => void>();
  #accept(link: SimulatedLink, frame: Body): CoreHost | undefined {
    // The hello may have been lost: the first frame is then another one.
    if (typeof frame !== 'string' || !frame.startsWith('["hello"')) return undefined;
    const hello = readHello(frame);
    const record = this.#server?.server!.record;
    if (!this.#server || (record && hello.pid !== this.#serverPid)) {
      if (this.#server) this.#end(this.#server);
      this.#server = this.#hostOf('s');
      for (const message of this.#unsent.splice(0)) this.#server.core.send(message);
    }
    this.#serverPid = hello.pid;
    const server = this.#server;
    server.run((_, now) => {
      const refusal = server.server!.accept(hello, now);
      // A hello may arrive behind that of a later connection.
      if (refusal !== undefined && this.#link === link) throw new Error(`the server refuses a hello with ${refusal}`);
      if (refusal === undefined) server.send = this.#toClient.get(link);
    });
    return server;
  }
  #serverPid = '';
  readonly #unsent: Message[] = [];
  #reconnect(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#client.send = undefined;
    const client = this.#client;
    this.#clock.after(this.#chance.whole(0, 500), () => client === this.#client && this.#connect());
  }

  // ---- Faults

  #every(interval: number, act: () => void): void {
    if (interval === 0) return;
    this.#clock.after(this.#chance.whole(1, 2 * interval), () => {
      if (this.#isCalm) return;
      act();
      this.#every(interval, act);
    });
  }
  #cut(): void {
    this.#log('the connection is cut');
    this.#counts.cuts++;
    this.#link?.cut();
  }
  #restartServer(): void {
    if (!this.#server) return;
    this.#log('the server starts again');
    this.#counts.crashes++;
    this.#end(this.#server);
    this.#server = undefined;
    this.#link?.cut();
  }
  #restartClient(): void {
    this.#log('the client starts again');
    this.#counts.crashes++;
    this.#end(this.#client);
    this.#startClient();
    this.#link?.cut();
    this.#link = undefined;
    this.#isWaiting = false;
    this.#reconnect();
  }
  /** A process ends, and its messages with it. */
  #end(host: CoreHost): void {
    host.run((core) => core.end());
    host.isDead = true;
    host.send = undefined;
  }

  // ---- Messages

  #send(side: 0 | 1): void {
    const { rate, burst } = this.#plan;
    this.#clock.after(this.#chance.whole(1, Math.ceil((2_000 * burst) / rate)), () => {
      if (this.#isCalm) return;
      const count = this.#chance.whole(1, burst);
      const host = side === 0 ? this.#client : this.#server;
      const messages = Array.from({ length: count }, () => this.#message(side));
      if (host) host.run((core) => messages.forEach((message) => core.send(message)));
      else this.#unsent.push(...messages);
      this.#send(side);
    });
  }
  #message(side: 0 | 1): Message {
    const { levels, priorities, ttl, bad, poison } = this.#plan;
    const chance = this.#chance;
    const index = this.#counts.messages++;
    const level = chance.pick(levels);
    const priority = chance.pick(priorities) as 0 | 1 | 2 | 3;
    const tracked: Tracked = {
      id: `${side === 0 ? 'c' : 's'}${index}`,
      index,
      level,
      priority,
      outcome: undefined,
      delivered: 0,
      processed: 0,
      rejectedAs: undefined,
    };
    this.#oracle.sent(tracked);
    const type = chance.hit(bad) ? 'bad' : chance.hit(poison) ? 'poison' : 'item';
    const message = {
      id: tracked.id,
      type,
      timestamp: this.#clock.now,
      version: '1.0',
      source: '',
      payload: PAYLOAD.slice(chance.whole(0, PAYLOAD.length)),
      delivery: level,
      priority,
    };
    return chance.hit(ttl) ? { ...message, ttl: chance.whole(0, 1_000) } : message;
  }

  #isDone(): boolean {
    const server = this.#server;
    return (
      server !== undefined &&
      this.#unsent.length === 0 &&
      [this.#client, server].every(({ core }) => core.outgoing.isEmpty && core.isDrained)
    );
  }
  #left(): string {
    return [this.#client, this.#server]
      .map((host) => (host ? `${host.core.phase} ${[...host.core.outgoing.pending.keys()].join(' ')}` : 'no server'))
      .join(' | ');
  }
  #count<K>(counts: Map<K, number>, key: K): void {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  #log(line: string): void {
    this.#trace?.(`${String(this.#clock.now).padStart(7)}  ${line}`);
  }
  #logged(side: string, frame: Body): Body {
    if (this.#trace) this.#log(`${side} → ${String(frame).slice(0, 160)}`);
    return frame;
  }
}
