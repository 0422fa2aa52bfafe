import {
  asapScheduler,
  concat,
  defer,
  ReplaySubject,
  Subject,
  type Observable,
  type ObservableInput,
  Subscription,
  type TeardownLogic,
  type Unsubscribable,
} from 'rxjs';
import { checkOptions, ignoreExit } from '../../message/development.js';
import type { Codec } from '../../codec/codec.js';
import { json } from '../../codec/json.js';
import { OverflowError } from '../../message/errors.js';
import type { Frame, Link } from '../../io/link.js';
import { memoryLink } from '../../io/memoryLink.js';
import type { AnyTypes, Message, MessageIn } from '../../message/types.js';
import type { AnyWire, Principal } from '../../server/principal.js';
import { guardWires, servedWires } from '../../server/serve.js';
import { readServeOptions } from '../../server/serverOptions.js';
import type { NetworkSignal } from '../../wire/session/networkSignals.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { connect, type ConnectOptions, type WireOptions } from '../../wire/connect.js';
import type { Wire } from '../../wire/wire.js';
import { linkFaults, type LinkFaults } from './linkFaults.js';
import { onVirtualEnd } from './virtualTime.js';

// The types below name none of Node's: they are for browsers, too.

/** The authenticated client of a wire: a `Principal` of `rxwire/server`. */
export interface TestPrincipal {
  readonly id: string;
  /** In ms since the epoch. @default never */
  readonly expiresAt?: number;
}

/** A wire of the server: a `ServerWire` of `rxwire/server`. */
export type TestServerWire<M extends Message = Message> = Wire<M> & { readonly principal: TestPrincipal | undefined };

/** Options of the server, as those of `listen`. */
export interface TestServerOptions extends Omit<WireOptions, 'reconnect'> {
  /** Returns the principal of a `token`, if it is valid. @default all clients are anonymous */
  readonly authenticate?: (credentials: {
    readonly token?: string;
  }) => TestPrincipal | undefined | ObservableInput<TestPrincipal | undefined>;
  /** The codecs that clients may use. @default the codecs of the client */
  readonly codecs?: readonly Codec[];
  /** Returns the outbox for a client. @default memoryOutbox() */
  readonly outbox?: (pid: string) => OutboxStore;
  /** How long a wire waits for its client to return, in ms. @default 120_000 */
  readonly detachedTimeout?: number;
  /** How often each side of a session must send, in ms. @default 15_000 */
  readonly pingInterval?: number;
  /** How many messages a client may send. @default no limit */
  readonly rateLimit?: { readonly perSecond?: number; readonly burst?: number };
}

/**
 * The options of {@link testWire}: those of `connect` without the link and the protocol, and of
 * the server.
 */
export interface TestWireOptions<M extends Message = Message> extends Partial<Omit<ConnectOptions, 'link' | 'protocol'>> {
  /**
   * Called with each wire of the server, as a subscriber of `listen`. A subscription that it
   * returns ends when the server crashes, as its handlers would do in a process that dies.
   * @default the server receives the messages, and keeps them in `received`
   */
  readonly serve?: (wire: TestServerWire<M>) => unknown;
  /** Options of the server: `authenticate`, `inbox`, `outbox` … */
  readonly server?: TestServerOptions;
  /** Whether the network is cut at first. @default false */
  readonly isCut?: boolean;
  /** How long a frame takes in each direction at first, in ms. @default 0 */
  readonly lag?: number;
}

/** The server of a {@link testWire}. It stays the same object when the server crashes. */
export interface TestServer<M extends Message = Message> {
  /** The messages that the server has received, in order; empty with the option `serve`. */
  readonly received: readonly M[];
  /** Emits all messages of `received`, the present ones first. Completes with `close`. */
  readonly received$: Observable<M>;
  /** Emits the wire of the server, then each further one. A returning client keeps its wire. */
  readonly wires$: Observable<TestServerWire<M>>;
  /**
   * Sends a message to the client, at once or as soon as there is a wire.
   *
   * @throws {OverflowError} If 10,000 messages wait for a wire.
   */
  readonly next: (message: M) => void;
}

/** A client, a server, and the network between them. */
export interface TestWire<M extends Message = Message> extends Pick<LinkFaults, 'cut' | 'drop' | 'restore' | 'blackhole' | 'lag'> {
  /** The wire of the client, as `connect` returns it. */
  readonly wire: Wire<M>;
  readonly server: TestServer<M>;
  /** The link of the client, for further clients of this server: `connect({ link })`. */
  readonly link: Link<Frame>;
  /**
   * Ends the server without notice, and starts another one, with only the content of the stores in
   * the options `server`. Undelivered messages are lost, unless they are in a store.
   */
  readonly crashServer: () => void;
  /** Ends the wire and the server at once. In a marble this happens at its end. */
  readonly close: () => void;
}

/** The messages that `server.next` keeps without a wire. */
const MAX_WAITING = 10_000;
/** The interval of the attempts to connect while the network is cut, in ms. */
const RECONNECT = { initialInterval: 10, maxInterval: 10, jitter: 0 };

/**
 * Creates a client wire, its server and the network between them, in this process: to test a
 * component, a service or a reducer without a server, and what it does when the connection breaks.
 * The sessions are real ones, so all guarantees hold. The server refuses clients with the protocol
 * `envelopeProtocol`. In a marble and in `TestScheduler.run`, time is virtual; elsewhere it is
 * real.
 *
 * The client reconnects at once after {@link TestWire.restore}, and every 10 ms until then.
 *
 * @throws {TypeError} At call time, as `connect` and `serve` throw it.
 * @throws {RangeError} At call time, as `connect` and `serve` throw it.
 * @example
 * import { createMessage } from 'rxwire';
 * import { testWire } from 'rxwire/testing';
 *
 * const { wire, server, cut, restore, close } = testWire();
 * cut();
 * wire.next(createMessage('chat.said', 'hello'));
 * restore();
 * server.received$.subscribe(({ payload }) => {
 *   console.log(payload); // prints: hello
 *   close();
 * });
 */
export function testWire<Types extends object = AnyTypes>(options: TestWireOptions<MessageIn<Types>> = {}): TestWire<MessageIn<Types>> {
  checkOptions('testWire', options);
  type M = MessageIn<Types>;
  const { serve: onWire, server: serverOptions, isCut = false, lag = 0, codec = json(), ...clientOptions } = options;
  const { scheduler, microtask = asapScheduler } = options;
  // The clocks of all parts. Virtual time does not control promises, but a `microtask`.
  const times = { ...(scheduler && { scheduler }), microtask };
  const faults = linkFaults(scheduler && { scheduler });
  if (isCut) faults.cut();
  faults.lag(lag);
  const links$ = new Subject<Link<Frame>>();
  const link: Link<Frame> = faults.layer((outgoing) =>
    defer(() => {
      const [near, far] = memoryLink<Frame>({ scheduler: microtask });
      links$.next(far);
      return near(outgoing);
    }),
  );
  const server = createTestServer(onWire as TestWireOptions['serve']);
  let serving: Subscription;
  const start = (): void => {
    const { codecs = [codec].flat(), ...read } = readServeOptions('serve', { ...times, ...serverOptions });
    serving = guardWires(servedWires<Principal | undefined>(links$, { ...read, codecs })).subscribe(server.use);
  };
  start();
  const online$ = new Subject<NetworkSignal>();
  const wire = connect({ signals$: online$, reconnect: RECONNECT, ...times, ...clientOptions, codec, link });
  ignoreExit(wire);
  const close = (): void => {
    wire.unsubscribe();
    serving.unsubscribe();
    server.end();
  };
  onVirtualEnd(close);

  return {
    wire: wire as Wire<M>,
    server: server as unknown as TestServer<M>,
    link,
    cut: () => faults.cut(),
    drop: () => faults.drop(),
    blackhole: () => faults.blackhole(),
    lag: (ms) => faults.lag(ms),
    restore() {
      faults.restore();
      online$.next('online');
    },
    crashServer() {
      faults.drop();
      server.lose();
      serving.unsubscribe();
      start();
    },
    close,
  };
}

function createTestServer(onWire: TestWireOptions['serve']) {
  const received: Message[] = [];
  const live$ = new Subject<Message>();
  const wires$ = new ReplaySubject<AnyWire>(1);
  const waiting: Message[] = [];
  let current: AnyWire | undefined;
  let handling = new Subscription();

  return {
    received,
    received$: defer(() => concat(received, live$)),
    wires$: wires$.asObservable(),
    next(message: Message): void {
      if (current) current.next(message);
      else if (waiting.length < MAX_WAITING) waiting.push(message);
      else throw new OverflowError('messages of the test server', MAX_WAITING);
    },
    use: (wire: AnyWire): void => {
      current = wire;
      wires$.next(wire);
      if (onWire) handling.add(asSubscription(onWire(wire)));
      else
        wire.subscribe({
          next(message) {
            received.push(message);
            live$.next(message);
          },
          error: () => undefined,
        });
      for (const message of waiting.splice(0)) wire.next(message);
    },
    lose(): void {
      current = undefined;
      handling.unsubscribe();
      handling = new Subscription();
    },
    end: (): void => live$.complete(),
  };
}

function asSubscription(result: unknown): TeardownLogic {
  const { unsubscribe } = Object(result) as Partial<Unsubscribable>;
  return typeof unsubscribe === 'function' ? (result as Unsubscribable) : undefined;
}
