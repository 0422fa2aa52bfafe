import { asyncScheduler, of, VirtualTimeScheduler } from 'rxjs';
import { asynchronous } from '../../../lib/codec/asynchronous.js';
import { json } from '../../../lib/codec/json.js';
import type { Direction } from '../../../lib/codec/codec.js';
import { ClientCore } from '../../../lib/core/clientCore.js';
import { ClientIdentity } from '../../../lib/core/clientHandshake.js';
import { ServerCore } from '../../../lib/core/serverCore.js';
import { readHello, ServerHandshake } from '../../../lib/core/serverHandshake.js';
import type { SessionCore } from '../../../lib/core/sessionCore.js';
import type { CoreOptions } from '../../../lib/core/coreTypes.js';
import { readOptions } from '../../../lib/message/options/readOptions.js';
import { ENDPOINT_OPTIONS, type EndpointOptions, sessionDefaults } from '../../../lib/wire/session/sessionOptions.js';
import { HostCodec } from '../../../lib/wire/session/hostCodec.js';
import type { ConnectionEvent, HostConnection, HostOptions, HostUser } from '../../../lib/wire/session/hostTypes.js';
import { SessionHost } from '../../../lib/wire/session/sessionHost.js';
import type { Frame } from '../../../lib/io/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { claim } from '../../../lib/wire/session/messageClaim.js';
import type { SessionEvent } from '../../../lib/wire/session/sessionEvents.js';

const DEFAULTS = { ...readOptions<EndpointOptions, typeof ENDPOINT_OPTIONS>('session', {}, ENDPOINT_OPTIONS), scheduler: asyncScheduler };
const CLIENT = new ClientIdentity('p'.repeat(22));

function coreOptions(encodes: Direction, options: Partial<HostOptions>): CoreOptions {
  const { codecs = [json()] } = options;
  return {
    ...sessionDefaults({ ...DEFAULTS, ...options }),
    id: encodes,
    codecs: codecs.map((codec) => new HostCodec(codec, encodes, CLIENT)),
    secret: (length) => 's'.repeat(length),
  };
}

class TestHost<Core extends SessionCore> extends SessionHost<Core> {
  readonly #side: Side<Core>;

  constructor(side: Side<Core>, core: Core, options: HostOptions, user: HostUser) {
    super(core, options, user);
    this.#side = side;
  }
  protected override emit(message: Message): void {
    this.#side.emit(message);
  }
  protected override onConnectionEvent(event: ConnectionEvent): void {
    this.#side.onConnectionEvent(event);
  }
  override onStoreFailed(error: unknown): void {
    throw error;
  }
}

/** One side, whose frames wait until {@link exchange} passes them on. */
class Side<Core extends SessionCore> implements HostConnection {
  isFull = false;
  readonly host: TestHost<Core>;
  readonly frames: Frame[] = [];
  readonly got: string[] = [];
  readonly events: SessionEvent[] = [];
  readonly connectionEvents: string[] = [];
  closedWith: readonly [code: number | undefined, reason: string | undefined] | undefined;
  onMessage: (message: Message) => void = () => undefined;

  constructor(core: Core, scheduler: VirtualTimeScheduler, options: Partial<HostOptions & HostUser> = {}) {
    const report = (event: SessionEvent): void => void this.events.push(event);
    this.host = new TestHost(
      this,
      core,
      { ...DEFAULTS, codecs: [json()], scheduler, microtask: scheduler, ...options },
      { report, awaitsAcks: () => true, awaitsSteps: () => true, ...options },
    );
    this.host.openMessages();
  }
  emit(message: Message): void {
    this.got.push(message.type);
    this.onMessage(message);
  }
  onConnectionEvent({ kind }: ConnectionEvent): void {
    this.connectionEvents.push(kind);
  }
  send(frame: Frame): void {
    this.frames.push(frame);
  }
  close(code?: number, reason?: string): void {
    this.closedWith = [code, reason];
  }
  /** The receipts without latencies, as `id status`. */
  get receipts(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'receipt' ? [`${event.receipt.id} ${event.receipt.status}`] : []));
  }
}

function pair(options: Partial<HostOptions & HostUser> = {}) {
  const scheduler = new VirtualTimeScheduler(undefined, 100);
  const clientCore = new ClientCore(coreOptions('to-server', options), new ClientIdentity(CLIENT.pid));
  const client = new Side(clientCore, scheduler, options);
  const server = new Side(new ServerCore(new ServerHandshake(coreOptions('to-client', options))), scheduler, options);
  client.host.core.opened(0);
  client.host.attach(client);
  server.host.core.accept(readHello(client.frames.shift()), 0);
  server.host.attach(server);
  return { scheduler, client, server };
}
/** Passes frames in both directions, and runs all that is due at once, until there are no frames. */
function exchange({ scheduler, client, server }: ReturnType<typeof pair>): void {
  do {
    for (const frame of client.frames.splice(0)) server.host.receive(frame);
    for (const frame of server.frames.splice(0)) client.host.receive(frame);
    scheduler.maxFrames = scheduler.frame;
    scheduler.flush();
  } while (client.frames.length + server.frames.length > 0);
}
const text = (id: string): Message => createMessage('test.said', id, { id });

describe('SessionHost', () => {
  it('sends the messages of one run in one batch, and reports each step', () => {
    const sides = pair();
    const { client, server } = sides;
    exchange(sides);
    client.host.send(text('a'));
    client.host.send(text('b'));
    exchange(sides);
    expect(server.got).toEqual(['test.said', 'test.said']);
    expect(client.receipts).toEqual(['a queued', 'b queued', 'a sent', 'b sent', 'a acked', 'b acked']);
    expect([client.connectionEvents, server.connectionEvents]).toEqual([['agreed'], ['agreed']]);
  });

  it('acks a claimed message when its claim ends', () => {
    const sides = pair();
    const { client, server } = sides;
    let held: ReturnType<typeof claim>;
    server.onMessage = (message) => (held = claim(message));
    client.host.send(text('a'));
    exchange(sides);
    expect(client.receipts.at(-1)).toBe('a sent');
    held?.end();
    exchange(sides);
    expect(client.receipts.at(-1)).toBe('a acked');
  });

  it('writes nothing while the connection is full', () => {
    const sides = pair();
    const { client, server } = sides;
    exchange(sides);
    client.isFull = true;
    client.host.send(text('a'));
    exchange(sides);
    expect(server.got).toEqual([]);
    client.isFull = false;
    client.host.schedule();
    exchange(sides);
    expect(server.got).toEqual(['test.said']);
  });

  it('uses a codec that answers with Observables', () => {
    const { encode, decode, ...codec } = json();
    const late = {
      ...codec,
      asynchronous,
      encode: (batch: readonly Message[]) => of(encode(batch)),
      decode: (frame: Frame) => of(decode(frame)),
    };
    const sides = pair({ codecs: [late] });
    sides.client.host.send(text('a'));
    exchange(sides);
    expect(sides.server.got).toEqual(['test.said']);
    expect(sides.client.receipts.at(-1)).toBe('a acked');
  });

  it('reports the end of a session to the messages that are left, also from within a delivery', () => {
    const sides = pair();
    const { client, server } = sides;
    server.onMessage = () => {
      server.host.send(text('reply'));
      server.host.end();
      expect(server.receipts).toEqual(['reply queued', 'reply dead']);
    };
    client.host.send(text('a'));
    client.host.send(text('b'));
    exchange(sides);
    expect(server.got).toEqual(['test.said']);
  });

  it('closes the connection of a peer that violates the protocol, and reports it', () => {
    const sides = pair();
    exchange(sides);
    sides.client.host.receive('["ack",7,8]');
    expect(sides.client.closedWith).toEqual([4400, 'an ack covers unsent messages']);
    expect(sides.client.events.at(-1)).toMatchObject({ kind: 'error', error: { code: 'ERR_PROTOCOL' } });
    expect(sides.client.host.isConnected).toBe(false);
  });

  it('wakes at the timeout of its core: a silent peer', () => {
    const sides = pair();
    exchange(sides);
    sides.scheduler.maxFrames = 100_000;
    sides.scheduler.flush();
    expect(sides.client.closedWith).toEqual([4411, 'the peer was silent for 30000 ms']);
  });
});
