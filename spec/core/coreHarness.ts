import { ClientCore } from '../../lib/core/clientCore.js';
import { ClientIdentity } from '../../lib/core/clientHandshake.js';
import { readHello, ServerHandshake } from '../../lib/core/serverHandshake.js';
import type { SessionCore } from '../../lib/core/sessionCore.js';
import { ServerCore } from '../../lib/core/serverCore.js';
import type { ReceiveProgress } from '../../lib/core/receiveProgress.js';
import type { Rejection } from '../../lib/core/rejection.js';
import type { SessionStores } from '../../lib/core/sessionStores.js';
import type { SessionCodec, CoreEffect, CoreEvent, CoreOptions } from '../../lib/core/coreTypes.js';
import { createAsyncCalls } from '../../lib/codec/asynchronous.js';
import { whenReady } from '../../lib/message/maybeAsync.js';
import type { Message } from '../../lib/message/types.js';
import type { Body, WriteFault } from '../../lib/core/storedTypes.js';

const codec: SessionCodec = {
  name: 'test',
  encode: (messages) => JSON.stringify(messages),
  decode: (body) => JSON.parse(body as string) as Message[],
};

/** The same codec, asynchronous: a test answers its calls. */
export function asyncCodec(plain: SessionCodec = codec): SessionCodec {
  const calls = createAsyncCalls();
  return {
    ...plain,
    get own() {
      return asyncCodec(plain);
    },
    encode: (messages, first, outputs) => calls.encode(messages, first, () => plain.encode(messages, first)!, outputs),
    decode: (body, first, count, outputs) => calls.decode(() => plain.decode(body, first, count)!, outputs),
    reader: (session) => calls.reader(session, ({ body, first, count }) => plain.decode(body, first, count)!),
  };
}

let secrets = 0;
export const OPTIONS: CoreOptions = {
  id: 'side',
  delivery: 'exactly-once',
  codecs: [codec],
  window: 8,
  bytes: 10_000,
  maxFrame: 10_000,
  maxQueued: 10,
  maxBadFrames: 3,
  overflow: 'drop-lowest',
  pingInterval: 1_000,
  handshakeTimeout: 500,
  ackDelayOf: () => 0,
  secret: (length) => `${'s'.repeat(length)}${++secrets}`,
};

export function message(id: string, fields: Partial<Message> = {}): Message {
  return { id, type: 'test.item', timestamp: 0, version: '1.0', source: '', payload: id, ...fields };
}

/** The message with this number is processed, or rejected. @param effect What an inbox stores with it. */
export function processed(
  core: SessionCore,
  number: number,
  progress: ReceiveProgress,
  now: number,
  rejection?: Rejection,
  effect?: unknown,
): void {
  const { stores } = core as unknown as { readonly stores?: SessionStores };
  if (stores?.inbox) stores.inbox.add(number, progress, rejection, effect);
  else core.incoming.processed(number, progress, now, rejection);
}

/** Answers a write of a session with stores. */
export function answered(core: SessionCore, id: number, now: number, fault?: WriteFault): void {
  (core as unknown as { readonly stores: SessionStores }).stores.answered(id, now, fault);
}

/** Answers a call of an asynchronous codec: with this result, or with its own. */
export function answerCall(effect: CoreEffect | undefined, now: number, result?: unknown): void {
  if (effect?.kind !== 'codec') throw new Error('no codec is called');
  effect.run({
    now,
    answer: (change) => change(),
    wait(call, done, failed) {
      let answer;
      try {
        answer = result === undefined ? call() : (result as ReturnType<typeof call>);
      } catch (error) {
        failed(error);
        return;
      }
      whenReady(answer, done, failed);
    },
  });
}

/** Whether all messages of both directions are finished, as far as they were sent. */
export function isDrained(core: SessionCore): boolean {
  const { outgoing, incoming, stores } = core as unknown as Pick<SessionCore, 'outgoing' | 'incoming'> & {
    readonly stores?: SessionStores;
  };
  return outgoing.acked >= outgoing.tail && incoming.isDrained && stores?.isIdle !== false;
}

/** One side of a session, whose inputs a test calls, and whose outputs it reads. */
export class Side<Core extends SessionCore = SessionCore> {
  readonly core: Core;
  now = 0;
  readonly seen: CoreEvent[] = [];
  /** The calls of a codec, and the writes of stores, that the test answers. */
  readonly effects: CoreEffect[] = [];

  constructor(core: Core) {
    this.core = core;
    core.outgoing.interest = { awaitsAcks: () => true, awaitsSteps: () => true };
  }
  /** Returns all frames that the side sends now. A message is processed as soon as it is delivered, unless `holds`. */
  frames(holds = false): Body[] {
    const frames: Body[] = [];
    do {
      for (let event = this.core.outputs.takeEvent(); event; event = this.core.outputs.takeEvent()) {
        this.seen.push(event);
        if (event.kind === 'message' && !holds) processed(this.core, event.number, event.progress, this.now);
      }
      for (let frame = this.core.transmit(this.now, this.now); frame !== undefined; frame = this.core.transmit(this.now, this.now))
        frames.push(frame);
      this.effects.push(...this.core.outputs.takeEffects());
    } while (this.core.outputs.events.length + this.core.outputs.effects.length > 0);
    return frames;
  }
  send(...ids: readonly string[]): this {
    for (const id of ids) this.core.send(message(id));
    return this;
  }
  receive(...frames: readonly Body[]): this {
    for (const frame of frames) this.core.receive(frame, this.now);
    return this;
  }
  /** The ids of the messages that were delivered. */
  get delivered(): readonly string[] {
    return this.seen.flatMap((event) => (event.kind === 'message' ? [event.message.id] : []));
  }
  get outcomes(): readonly string[] {
    return this.seen.flatMap((event) => (event.kind === 'outcome' ? [`${event.message.id} ${event.outcome}`] : []));
  }
  get closed(): number | undefined {
    return this.seen.flatMap((event) => (event.kind === 'close' ? [event.code] : []))[0];
  }
}

/** A client with an identity, which the next connections use, too. */
export const clientSide = (options: Partial<CoreOptions> = {}): Side<ClientCore> => new Side(clientCore(options));
export const clientCore = (options: Partial<CoreOptions> = {}, stores?: SessionStores): ClientCore =>
  new ClientCore({ ...OPTIONS, ...options }, new ClientIdentity(`p${'x'.repeat(21)}`), stores);
export const serverSide = (
  options: Partial<CoreOptions> = {},
  stores?: SessionStores,
  handshake = new ServerHandshake({ ...OPTIONS, ...options }),
): Side<ServerCore> => new Side(new ServerCore(handshake, stores));

/** Opens a connection between two sides, up to the first ack of each. */
export function open(client: Side, server: Side<ServerCore>): void {
  client.core.closed();
  client.core.opened(client.now);
  const [hello] = client.frames();
  server.core.accept(readHello(hello), server.now);
  client.receive(...server.frames());
  server.receive(...client.frames());
  client.receive(...server.frames());
}

/** Passes frames in both directions until there are none. */
export function exchange(one: Side, other: Side): void {
  for (let frames = one.frames(); frames.length > 0; frames = one.frames()) {
    other.receive(...frames);
    one.receive(...other.frames());
  }
}
