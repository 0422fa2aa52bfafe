import { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import { readHello } from '../../../lib/core/serverHandshake.js';
import type { CoreEvent, CoreOptions } from '../../../lib/core/coreTypes.js';
import type { Body } from '../../../lib/core/storedTypes.js';
import type { Delivery, Message } from '../../../lib/message/types.js';
import type { Chance } from '../../simulation/chance.js';
import { processed } from '../coreHarness.js';
import { CoreHost } from './host.js';
import { SimulatedLink, type LinkFaults } from './link.js';
import { Oracle } from './oracle.js';
import { Run, type RunCounts, type Side, type Trace } from './run.js';

/** The codes with which an honest side may close a connection. */
const EXPECTED: readonly number[] = [1006, 4408, 4410, 4411];
const DURATION = 10_000;
const REST = 200_000;

/** Runs one seed: two sides of a session over a link that fails. Throws when a promise is broken. */
export function simulateCore(seed: number, trace?: Trace): RunCounts {
  return new World(seed, trace).simulate();
}

/** Decides all that stays as it is for the whole run. */
function drawPlan(chance: Chance) {
  const faults: LinkFaults = {
    maxDelay: chance.pick([0, 5, 50, 200]),
    loss: chance.pick([0, 0, 0.01, 0.05]),
    repeat: chance.pick([0, 0, 0.02]),
  };
  return {
    faults,
    isAsync: chance.hit(0.4),
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
    priorities: chance.pick<readonly (0 | 1 | 2 | 3)[]>([[1], [1], [0, 1, 2, 3]]),
    ttl: chance.pick([0, 0, 0.2, 0.9]),
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

class World {
  readonly #run: Run;
  readonly #plan: ReturnType<typeof drawPlan>;
  readonly #oracle = new Oracle();
  #client!: CoreHost;
  #server: CoreHost | undefined;
  #serverPid = '';
  /** The messages of the server that no session has. */
  readonly #unsent: Message[] = [];
  #link: SimulatedLink | undefined;
  /** Whether the client waits before it connects again. */
  #isWaiting = false;

  constructor(seed: number, trace: Trace | undefined) {
    this.#run = new Run(seed, trace);
    this.#plan = drawPlan(this.#run.chance);
  }

  simulate(): RunCounts {
    const run = this.#run;
    const { rate, burst, cutEvery, restartEvery, clientRestartEvery, faults, isWatched } = this.#plan;
    this.#startClient();
    this.#connect();
    for (const side of ['c', 's'] as const) run.every(Math.ceil((2_000 * burst) / rate) / 2, () => this.#send(side));
    run.every(cutEvery, () => this.#cut());
    run.every(restartEvery, () => this.#restartServer());
    run.every(clientRestartEvery, () => this.#restartClient());
    while (run.clock.step(DURATION));
    run.isCalm = true;
    faults.loss = 0;
    // A slow link may take longer, as long as messages arrive.
    for (let before = Infinity; !this.#isDone() && this.#countLeft() < before;) {
      before = this.#countLeft();
      const until = run.clock.now + REST;
      while (!this.#isDone() && run.clock.step(until));
    }
    if (!this.#isDone()) throw new Error(`messages are left when the faults have stopped: ${this.#left()}`);
    this.#oracle.finish(isWatched);
    this.#checkWindow(this.#client);
    this.#checkWindow(this.#server!);
    return run.counts;
  }

  // ---- Both sides

  #optionsOf(side: Side): CoreOptions {
    const plan = this.#plan;
    const { bodies, chance } = this.#run;
    // A server that starts again may have other limits.
    const maxFrame = side === 's' && chance.hit(0.3) ? 400 : plan.maxFrame;
    const codecs = [bodies.codec(plan.isAsync, chance.hit(0.2) ? 4 : 256, side === 's')];
    return this.#run.options(side, plan, { codecs, maxFrame, maxQueued: plan.maxQueued, overflow: plan.overflow });
  }
  #hostOf(side: Side, identity?: ClientIdentity): CoreHost {
    const handle = (event: CoreEvent): void => this.#handle(side, event, host);
    const close = (code: number, reason: string): void => this.#close(side, code, reason);
    const host = new CoreHost(this.#run, this.#optionsOf(side), this.#plan.isWatched, { handle, close }, identity);
    return host;
  }
  #handle(side: Side, event: CoreEvent, host: CoreHost): void {
    const run = this.#run;
    const { clock, chance } = run;
    if (event.kind === 'outcome') {
      if (run.trace) run.log(`${side}: ${event.message.id} ${event.outcome}`);
      run.countOutcome(event.outcome);
      this.#oracle.ended(event.message.id, event.outcome);
    } else if (event.kind === 'message') {
      const { message, number, progress } = event;
      if (run.trace) run.log(`${side}: receives ${message.id} (${number})`);
      if (host.core.phase === 'over') throw new Error(`${message.id} is delivered after the end`);
      this.#oracle.delivered(message.id, progress);
      const rejection = run.rejection(this.#plan.rejects);
      const process = (): void => {
        if (host.isDead) return;
        this.#oracle.processed(message.id, rejection?.kind);
        processed(host.core, number, progress, clock.now, rejection);
      };
      if (chance.hit(this.#plan.slow)) clock.after(chance.whole(1, 2_000), () => host.run(process));
      else process();
    } else if (event.kind === 'undecodable') {
      const rejection = { kind: 'undecodable', code: 'ERR_DECODE', reason: 'a test' } as const;
      for (const number of event.numbers) processed(host.core, number, event.progress, clock.now, rejection);
    }
  }
  #close(side: Side, code: number, reason: string): void {
    if (this.#run.trace) this.#run.log(`${side}: closes with ${code}, ${reason}`);
    // Messages without numbers that cannot be decoded are not sent again.
    const isPoisoned = reason.endsWith('frames were undecodable');
    if (!EXPECTED.includes(code) && !isPoisoned)
      throw new Error(`${side === 'c' ? 'the client' : 'the server'} closes with ${code}: ${reason}`);
    this.#link?.close(side === 'c' ? 0 : 1, code);
    if (side === 'c') this.#reconnect();
  }

  // ---- Connections

  #startClient(): void {
    this.#client = this.#hostOf('c', new ClientIdentity(this.#run.chance.name()));
  }
  #connect(): void {
    this.#isWaiting = false;
    const run = this.#run;
    const client = this.#client;
    let server: CoreHost | undefined;
    const clientEnd = {
      received: (frame: Body) => this.#link === link && client.receive(frame),
      closed: (code: number) => {
        if (this.#link !== link) return;
        if (run.trace) run.log(`c: the connection has ended with ${code}`);
        client.send = undefined;
        client.run((core) => core.closed());
        this.#reconnect();
      },
    };
    const serverEnd = {
      received: (frame: Body) => {
        if (!server) server = this.#accept(link, frame, toClient);
        else if (server.send === toClient) server.receive(frame);
      },
      closed: () => {
        if (server?.send !== toClient) return;
        server.send = undefined;
        server.run((core) => core.closed());
      },
    };
    const link: SimulatedLink = new SimulatedLink(run, this.#plan.faults, clientEnd, serverEnd);
    const toClient = (frame: Body): void => {
      this.#oracle.framed(run.bodies.idsOfUnnumbered(frame));
      if (run.trace) run.logFrame('s', frame);
      link.send(1, frame);
    };
    this.#link = link;
    client.send = (frame) => {
      this.#oracle.framed(run.bodies.idsOfUnnumbered(frame));
      if (run.trace) run.logFrame('c', frame);
      link.send(0, frame);
    };
    client.run((core, now) => core.opened(now));
  }
  #accept(link: SimulatedLink, frame: Body, send: (frame: Body) => void): CoreHost | undefined {
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
      if (refusal === undefined) server.send = send;
    });
    return server;
  }
  #reconnect(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#client.send = undefined;
    const client = this.#client;
    this.#run.clock.after(this.#run.chance.whole(0, 500), () => client === this.#client && this.#connect());
  }

  // ---- Faults

  #cut(): void {
    this.#run.log('the connection is cut');
    this.#run.counts.cuts++;
    this.#link?.cut();
  }
  #restartServer(): void {
    if (!this.#server) return;
    this.#run.log('the server starts again');
    this.#run.counts.crashes++;
    this.#end(this.#server);
    this.#server = undefined;
    this.#link?.cut();
  }
  #restartClient(): void {
    this.#run.log('the client starts again');
    this.#run.counts.crashes++;
    this.#end(this.#client);
    this.#startClient();
    this.#link?.cut();
    this.#link = undefined;
    this.#isWaiting = false;
    this.#reconnect();
  }
  /** A session ends, and its messages with it. Its codec and its application answer later. */
  #end(host: CoreHost): void {
    host.run((core) => core.end());
    host.send = undefined;
    this.#run.clock.after(3_000, () => {
      if (host.core.phase !== 'over') throw new Error(`a session that has ended is ${host.core.phase}`);
      host.isDead = true;
    });
  }
  /** When all is acked, nothing is in flight. */
  #checkWindow({ core, send }: CoreHost): void {
    const { window, isPaused } = core.outgoing;
    const { bytes } = this.#plan;
    if (send && core.phase === 'agreed' && !isPaused && (!window.hasRoom(0, bytes) || window.hasRoom(0, bytes + 1)))
      throw new Error('the window counts bytes of messages that are acked');
  }

  // ---- Messages

  #send(side: Side): void {
    const messages: Message[] = [];
    for (let left = this.#run.chance.whole(1, this.#plan.burst); left > 0; left--) messages.push(this.#message(side));
    const host = side === 'c' ? this.#client : this.#server;
    if (host)
      host.run((core) => {
        for (const message of messages) core.send(message);
      });
    else this.#unsent.push(...messages);
  }
  #message(side: Side): Message {
    const { levels, priorities, ttl, bad, poison } = this.#plan;
    const { chance, counts } = this.#run;
    const index = counts.messages++;
    const id = `${side}${index}`;
    const level = chance.pick(levels);
    const priority = chance.pick(priorities);
    this.#oracle.sent(id, index, level, priority);
    const type = chance.hit(bad) ? 'bad' : chance.hit(poison) ? 'poison' : 'item';
    return this.#run.message(id, type, level, priority, ttl);
  }

  #isDone(): boolean {
    return this.#server?.isDone === true && this.#unsent.length === 0 && this.#client.isDone;
  }
  #countLeft(): number {
    return this.#client.core.outgoing.pending.size + (this.#server?.core.outgoing.pending.size ?? 0) + this.#unsent.length;
  }
  #left(): string {
    return [this.#client, this.#server]
      .map((host) => (host ? `${host.core.phase} ${[...host.core.outgoing.pending.keys()].join(' ')}` : 'no server'))
      .join(' | ');
  }
}
