import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import type { Application } from './application.js';
import { patience, type Line, type Received } from './line.js';
import { stepsOf, valuesOf, type Role, type Script, type Step, type Values } from './script.js';
import { textOf, Variables } from './variables.js';

/** The implementation under test. */
export interface Stage {
  readonly app: () => Application;
  /** A new connection: of the tester to a server under test, or of a client under test. */
  readonly connection: () => Promise<Line>;
  /** Lets a server stop in order. */
  readonly stop: () => void;
  readonly restart: (keeps: boolean) => Promise<void>;
  /** Fails if a client under test has opened another connection. */
  readonly checkNoConnection: () => void;
  readonly close: () => Promise<void>;
}

/** Whether a script asks what came of messages. */
export const isWatching = ({ steps }: Script): boolean => steps.some((step) => 'appTold' in step);

/** Plays a script. Fails at the first step whose expectation is not met. */
export async function play(script: Script, values: Values, stage: Stage, role: Role): Promise<void> {
  const player = new Player(stage, new Variables(valuesOf(script, values)));
  for (const [index, step] of stepsOf(script.steps, role).entries()) {
    try {
      await player.run(step);
    } catch (error) {
      throw new Error(`step ${index}, ${JSON.stringify(step).slice(0, 300)}: ${(error as Error).message}`, { cause: error });
    }
  }
}

class Player {
  readonly #lines = new Map<string, Line>();
  readonly #raw = new Map<string, string>();
  #line!: Line;

  constructor(
    private readonly stage: Stage,
    private readonly variables: Variables,
  ) {}

  async run(step: Step): Promise<void> {
    const [verb = '', value] = Object.entries(step)[0] ?? [];
    const action = this.#actions[verb];
    if (!action) throw new Error(`no such step: ${verb}`);
    await action(value, step);
  }

  readonly #open = async (name: unknown): Promise<void> => {
    this.#line = await this.stage.connection();
    this.#lines.set(String(name), this.#line);
  };

  readonly #actions: Readonly<Record<string, (value: unknown, step: Step) => unknown>> = {
    open: this.#open,
    accept: this.#open,
    set: (values) => this.variables.set(values as Values),
    on: (name) => void (this.#line = this.#lines.get(String(name))!),
    send: (frame) => this.#line.carrier.send(JSON.stringify(this.variables.fill(frame))),
    sendMany: (frame, { times }) => {
      for (let time = 0; time < (times as number); time++) this.#line.carrier.send(JSON.stringify(this.variables.fill(frame)));
    },
    sendBatches: (count, { wait }) => {
      for (let number = 1; number <= (count as number); number++)
        this.#line.carrier.send(JSON.stringify(this.variables.fill(['ackmsg', 0, 1_024, wait, 0, number, 1, `#m${number}`])));
    },
    sendText: (parts) => this.#line.carrier.send(textOf(this.variables.fill(parts))),
    sendHex: (hex) => this.#line.carrier.send(new Uint8Array(Buffer.from(String(this.variables.fill(hex)), 'hex'))),
    expect: async (frame, step) => this.#same(await this.#next(frame), step),
    expectMessages: (wanted) => this.#messages(wanted as { first: number; ids: readonly string[] }),
    expectMany: (count) => this.#messages({ first: 1, ids: manyIds(count as number) }),
    expectEach: (wanted) => this.#each(wanted as readonly unknown[]),
    expectAck: (done) => this.#line.acked(done as number),
    expectClose: async (codes) => {
      const [code, wanted] = [await this.#line.end(), [this.variables.fill(codes)].flat()];
      if (!wanted.includes(code)) throw new Error(`expected the end with ${wanted.join(' or ')}, got ${code}`);
    },
    expectNoConnection: async (ms) => {
      await pause(ms as number);
      this.stage.checkNoConnection();
    },
    quiet: async (ms) => {
      await pause(ms as number);
      this.#line.checkQuiet();
    },
    close: async (code) => {
      this.#line.carrier.close(this.variables.fill(code) as number);
      await this.#line.end();
    },
    cut: () => this.#line.carrier.close(),
    wait: (ms) => pause(ms as number),
    restart: (what) => this.stage.restart(what === 'keeps'),
    stop: () => this.stage.stop(),
    appSends: async (ids, { fields = {}, payload = null }) => {
      this.stage.app().send(ids as string[], fields as Values, this.variables.fill(payload));
      await pause(1);
    },
    appSendsMany: async (count) => {
      this.stage.app().send(manyIds(count as number), {}, null);
      await pause(1);
    },
    appGets: (ids) => eventually(() => expect(this.stage.app().got).toEqual(ids), patience.ms),
    appFinishes: (ids) => this.stage.app().finish(ids as string[]),
    appRejects: (ids, { kind }) => this.stage.app().finish(ids as string[], this.variables.fill(kind) as 'refused'),
    appTold: (outcomes) =>
      eventually(() => expect(Object.fromEntries(this.stage.app().outcomes)).toMatchObject(outcomes as object), patience.ms),
    appMisses: (count) => eventually(() => expect(this.stage.app().missed).toBe(count), patience.ms),
    appLosesSession: () => eventually(() => expect(this.stage.app().errors).toContain('ERR_SESSION_LOST'), patience.ms),
    appEnds: () => eventually(() => expect(this.stage.app().isOver).toBe(true), patience.ms),
    appCloses: () => this.stage.app().close(),
  };

  #next(frame: unknown): Promise<Received> {
    return this.#line.next(JSON.stringify(frame), (fields) => this.variables.matches(frame, fields));
  }

  /** Keeps the text of a batch, or compares it with one that was kept. */
  #same({ raw }: Received, { as, sameAs }: Step): void {
    if (as !== undefined) this.#raw.set(as as string, raw);
    if (sameAs !== undefined && raw !== this.#raw.get(sameAs as string)) throw new Error(`expected the bytes of before, got ${raw}`);
  }

  /** Expects these messages, in any batches. */
  async #each(wanted: readonly unknown[]): Promise<void> {
    let left = wanted;
    while (left.length > 0) {
      const { fields } = await this.#next(['msg', '*', '*', '*']);
      for (const message of [fields[3]].flat()) {
        if (!this.variables.matches(left[0], message))
          throw new Error(`expected ${JSON.stringify(left[0])}, got ${JSON.stringify(message).slice(0, 500)}`);
        left = left.slice(1);
      }
    }
  }

  /** Expects messages with these ids and numbers, in any batches. */
  async #messages({ first, ids }: { readonly first: number; readonly ids: readonly string[] }): Promise<void> {
    for (let index = 0; index < ids.length;) {
      const number = first === 0 ? 0 : first + index;
      const { fields } = await this.#next(['msg', number, '*', '*']);
      if ((fields[2] as number) > 256) throw new Error(`expected at most 256 messages in a batch, got ${String(fields[2])}`);
      for (const { id } of [fields[3]].flat() as readonly { readonly id: string }[]) {
        if (id !== ids[index]) throw new Error(`expected the message ${ids[index]}, got ${id}`);
        index++;
      }
    }
  }
}

/** The ids of so many messages that the application sends. */
function manyIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `m${index + 1}`);
}
