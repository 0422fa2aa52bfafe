import { nanoid } from 'nanoid';
import { asyncScheduler, identity, map, noop, type Observable, type Subscription } from 'rxjs';
import type { Direction } from '../codec/codec.js';
import { ProtocolError } from '../errors.js';
import { chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Link, Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { connection, type Connection } from './connection.js';
import type { BatchFrame } from './decoding.js';
import type { Durable } from './durable.js';
import type { Allowance } from './flight.js';
import { controlFrame } from './frames.js';
import { createIncoming, type Incoming } from './incoming.js';
import type { Negotiable } from './negotiable.js';
import type { EndpointOptions } from './options.js';
import { createOutgoing, type Outgoing } from './outgoing.js';
import { createReader, refuse, type HandshakeFrame } from './reading.js';
import { readInOrder, type Arrival } from './readInOrder.js';
import type { OutboxStore } from './store/outboxStore.js';
import type { Wait } from './storing.js';

/** What both sides know of each other when a connection has been opened. */
export interface Agreement {
  /** The highest number the other side has accepted from us. */
  readonly rx: number;
  /** Whether it has our numbers at all. */
  readonly isKnown: boolean;
  readonly allowance: Allowance;
  /** How often each side must be heard, in ms. */
  readonly ping: number;
}

/** What an endpoint is given. */
export interface EndpointParts {
  readonly codec: Negotiable;
  /** Which way what this side sends goes. */
  readonly sends: Direction;
  /** Names the client's outbox, once that is known. */
  readonly pid: () => string;
  readonly store: OutboxStore;
  /** There where a store outlives the process. */
  readonly durability: Durable | undefined;
  readonly wait: Wait;
  /** Ends with the session. */
  readonly life: Subscription;
  readonly emit: (message: Message) => void;
  /** The session cannot go on. */
  readonly fail: (error: unknown) => void;
  /** Names the other side to the application. */
  readonly source: () => string;
  /** A connection is open. */
  readonly onOpen: (connection: Connection) => void;
  /** @throws {RxwireError} When the connection cannot go on. */
  readonly onHandshake: (frame: HandshakeFrame, connection: Connection) => void;
  /** Called with each frame that comes before we may send. @default nothing is done */
  readonly onEarly?: (connection: Connection) => void;
  /** Emits when timers may have been asleep until now, or something has befallen the network. @default never */
  readonly woken$?: Observable<unknown>;
  /** Called when the other side was not heard for so many looks, two in each interval: it may end this endpoint. @default nothing is done */
  readonly onQuiet?: (looks: number) => void;
  /** Of what is processed, how much is acked already. @default all */
  readonly ackable?: (done: number) => number;
  /** Whether a batch may come; else it is dropped. @throws {RxwireError} When the connection cannot go on. @default always */
  readonly admit?: (batch: BatchFrame) => boolean;
}

/** One side of a session, over one connection after the other. Client and server differ only in the handshake. */
export interface Endpoint {
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  /** Names this side. */
  readonly id: string;
  /** How many frames have come that are not read yet. */
  readonly unread: () => number;
  /** Whether this is the connection there is. */
  readonly isCurrent: (connection: Connection) => boolean;
  /** Finds out what is to be sent (again), and calls back. */
  resume(agreement: Agreement, ready: () => void): void;
  /** We may send. */
  agree(connection: Connection, agreement: Agreement): void;
  /** Says goodbye over the connection there is; false when there is none. */
  close(): boolean;
  /** Uses a link. Emits what kind of frame has come, each time. */
  over(link: Link<Frame>): Observable<void>;
}

export function createEndpoint(parts: EndpointParts, options: EndpointOptions): Endpoint {
  const { window = 1_024, windowBytes = 1024 * 1024, maxFrame = 1024 * 1024, scheduler = asyncScheduler, report = noop } = options;
  const { id = nanoid(), helloTimeout = 5_000 } = options;
  const { onOpen, onHandshake, onEarly = noop, ackable = identity } = parts;
  let current: Connection | undefined;

  const sendAck = (done: number): void => {
    if (current?.isAgreed) current.send(controlFrame('ack', ackable(done), window));
  };
  const outgoing = createOutgoing(parts, options);
  const incoming = createIncoming({ ...parts, sendAck }, options);
  const read = createReader({ incoming, outgoing, maxFrame, report, onHandshake, onEarly });
  const maxWaiting = 2 * (1_024 * window + windowBytes + maxFrame);
  const intake = createIntake(read, () => current, maxWaiting);
  const toPeer$ = connection({
    onOpen: (opened) => onOpen((current = opened)),
    onClosed(closed) {
      if (current !== closed) return;
      current = undefined;
      outgoing.detach();
    },
    isWaiting: outgoing.flight.isStuck,
    ping: () => current?.send(controlFrame('ping', outgoing.flight.tail)),
    woken$: parts.woken$,
    onQuiet: parts.onQuiet,
    helloTimeout,
    scheduler,
  });

  return {
    id,
    outgoing,
    incoming,
    unread: intake.unread,
    isCurrent: (one) => one === current,
    resume: outgoing.resume,
    agree(agreed, { rx, allowance, ping }) {
      if (agreed !== current) return;
      const { earlyAck } = agreed;
      const accepted = Math.max(rx, earlyAck?.done ?? 0);
      if (accepted > outgoing.flight.sent) {
        refuse(new ProtocolError('an ack of what was never sent'), agreed, report);
        return;
      }
      agreed.agree(ping);
      report({ kind: 'open' });
      incoming.acknowledge();
      // What is acked was accepted, also what was finished before a restart and is behind the `rx` of the handshake.
      outgoing.attach(agreed.send, accepted, allowance);
      if (earlyAck) outgoing.acknowledge(earlyAck.done, earlyAck.credit);
    },
    close: () => (current?.close(), current !== undefined),
    over: (link) => intake.from(link(toPeer$)),
  };
}

/** Reads what comes over the connections, in order. */
function createIntake(read: ReturnType<typeof createReader>, current: () => Connection | undefined, maxWaiting: number) {
  let unread = 0;
  const arrive = (frame: Frame): Arrival<Connection | undefined> => {
    current()?.hear();
    unread++;
    return [frame, current()];
  };
  const readOne = (...arrival: Arrival<Connection | undefined>): MaybeAsync<void> =>
    chain(read(...arrival), () => {
      unread--;
    });
  return {
    unread: (): number => unread,
    from: (frames$: Observable<Frame>): Observable<void> =>
      frames$.pipe(
        map(arrive),
        readInOrder(readOne, maxWaiting, (error) => current()?.fail(error)),
      ),
  };
}
