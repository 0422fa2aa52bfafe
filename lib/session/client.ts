import { noop, Observable } from 'rxjs';
import { ProtocolError, SessionLostError } from '../errors.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import type { Frame, Link } from '../link/link.js';
import type { NegotiatedCodec } from './codecNegotiation.js';
import type { Connection } from './connection.js';
import { createCredentials, type CredentialsOptions } from './credentials.js';
import type { Recalled, TicketState } from './durability.js';
import { Endpoint } from './endpoint.js';
import type { Agreement, EndpointParts, HandshakeFrame } from './endpointParts.js';
import { DEFAULTS, type EndpointOptions } from './endpointOptions.js';
import { controlFrame } from './protocol/frames.js';
import { MAX_FORMER, parseWelcome, PROTOCOL_VERSION, whole, type Hello, type Welcome } from './protocol/handshake.js';
import { DEFAULT_LIMITS, receiveLimits } from './protocol/receiveLimits.js';
import type { AckTracker } from './receive/ackTracker.js';
import type { OutboxCalls, Ticket } from './store/outboxCalls.js';

export interface ClientParts extends Pick<EndpointParts, 'emit' | 'fail' | 'wait' | 'life' | 'durability' | 'woken$' | 'traffic'> {
  readonly codec: NegotiatedCodec;
  readonly store: OutboxCalls;
}

/** The client side of a session. */
export interface Client {
  readonly endpoint: Endpoint;
  /** Opens a connection over a link, with fresh credentials. */
  readonly over: (link: Link<Frame>) => Observable<void>;
  /**
   * Returns the delay that a stopping server requests before the client reconnects, in ms from now.
   */
  readonly pause: () => number;
  /**
   * Returns whether the last connection ended because of a message: then the client connects again,
   * also if the close code is final.
   */
  readonly isBlamed: () => boolean;
  /** Returns whether the server has announced the end of the last connection. */
  readonly isAnnounced: () => boolean;
}

interface State extends TicketState {
  pid: string;
  epoch: number;
  /** The number of connections that this owner of the outbox has opened. */
  attempts: number;
  ticket: Ticket | undefined;
  /**
   * The tokens of the welcomes before that of the ticket, the latest first, as far as no ack came
   * behind them.
   */
  former: readonly string[];
  /**
   * Whether the client has accepted no message from any server, in this life and in those before
   * it.
   */
  isFresh: boolean;
  /** The id of the server's wire. */
  server: string;
  /**
   * Whether the client knows which messages it has accepted from the server in the session of the
   * ticket.
   */
  remembers: boolean;
  /** The time from which the client may reconnect to a stopping server. */
  backAt: number;
  /** The latest connection. */
  connection: Connection | undefined;
  /** Whether it has ended because of a message. */
  isBlamed: boolean;
  /** Whether the server has announced the end of the last connection. */
  isAnnounced: boolean;
}

/**
 * Creates the client side, which begins each handshake. Calls `onReady` when the outbox is open:
 * from then on there may be connections.
 */
export function createClient(parts: ClientParts, options: EndpointOptions & CredentialsOptions, onReady: () => void): Client {
  const { inbox, scheduler = steadyScheduler(), report = noop } = options;
  const state: State = {
    pid: '',
    epoch: 0,
    attempts: 0,
    ticket: undefined,
    former: [],
    isFresh: false,
    server: '',
    remembers: false,
    backAt: 0,
    connection: undefined,
    isBlamed: false,
    isAnnounced: false,
    onStored: undefined,
  };
  const credentials = createCredentials(options, parts);
  const failOnceWritten = (error: unknown): void => endpoint.sender.whenWritten(() => parts.fail(error));

  const enter = (welcome: Welcome, connection: Connection): void => {
    const { sid, rt, rx, known, resumed, ping, id: server, expires, codec, window, bytes } = welcome;
    const { lazyAcks = false, rejections = false, limits = DEFAULT_LIMITS } = welcome;
    if (parts.codec.choose(codec)) endpoint.sender.outdate();
    if (!resumed) {
      // A server that has acked nothing yet has sent nothing.
      if (state.remembers && !endpoint.sender.inFlight.isHeld) report({ kind: 'error', error: new SessionLostError() });
      state.remembers = false;
      endpoint.begin();
    }
    state.former = formerOf(state, endpoint);
    state.server = server;
    connection.isWelcome = true;
    credentials.expire(sendToken(connection), expires);
    const agreement: Agreement = { rx, isKnown: known, allowance: { window, bytes }, ping, lazyAcks, rejections, limits };
    const agree = (): void => endpoint.agree(connection, agreement);
    // Renumbered batches are stored before the ticket, and nothing is sent before that: a client
    // that crashes in between still has the old batches.
    endpoint.sender.resume(agreement, () => {
      const { tracker } = endpoint.receiver;
      if (endpoint.isCurrent(connection))
        take(
          { sid, rt, ...(state.former.length > 0 && { former: state.former }) },
          state,
          { ...parts, fail: failOnceWritten, tracker, ...(!resumed && { inbox }) },
          agree,
        );
    });
  };
  const greet = (connection: Connection): void => {
    if (endpoint.isCurrent(connection))
      connection.send(controlFrame('hello', { ...hello(state, endpoint, parts.codec, options), token: credentials.shown }));
  };
  const endpoint = new Endpoint(
    {
      ...parts,
      sends: 'to-server',
      pid: () => state.pid,
      source: () => state.server,
      onOpen(connection) {
        state.connection = connection;
        // Waits for the write of the ticket: the server accepts only the last two tokens, and after
        // a crash the stored token must be one of them.
        if (state.onStored) state.onStored = (): void => greet(connection);
        else greet(connection);
      },
      onHandshake(frame, connection) {
        if (connection.isAgreed && frame.kind === 'auth') credentials.expire(sendToken(connection), whole(frame.value, 'auth'));
        else if (connection.isAgreed && frame.kind === 'bye') {
          state.backAt = scheduler.now() + leave(frame.value, connection, endpoint);
          state.isAnnounced = true;
        } else enter(welcomeIn(frame, connection, state), connection);
      },
    },
    options,
  );

  beginClient(parts, state, endpoint, options, onReady);
  return {
    endpoint,
    over: (link) => credentials.before(openOver(link, endpoint, state)),
    pause: () => state.backAt - scheduler.now(),
    isBlamed: () => state.isBlamed,
    isAnnounced: () => state.isAnnounced,
  };
}

/** Returns a function that sends a fresh token over a connection. */
function sendToken(connection: Connection): (fresh: string) => void {
  return (fresh) => connection.send(controlFrame('auth', fresh));
}

/**
 * Returns the earlier tokens to keep when another welcome arrives: a server that has not stored the
 * present token may know one of them.
 */
function formerOf(state: State, endpoint: Endpoint): readonly string[] {
  const { ticket, former } = state;
  return ticket && isUnacked(state, endpoint) ? [ticket.rt, ...former].slice(0, MAX_FORMER) : [];
}

/**
 * Returns whether it is possible that no ack has followed the last welcome: the welcome granted
 * nothing, or a former owner of the outbox received it.
 */
function isUnacked({ server }: State, { sender }: Endpoint): boolean {
  return server === '' || sender.inFlight.isHeld;
}

/** Opens a connection over a link. Emits once, when the connection has made progress. */
function openOver(link: Link<Frame>, endpoint: Endpoint, state: State): Observable<void> {
  // eslint-disable-next-line no-restricted-syntax -- an operator for each frame would be a fifth of the cost of a message
  return new Observable((to) => {
    let hasEmitted = false;
    state.connection = undefined;
    state.isBlamed = state.isAnnounced = false;
    return link(endpoint.toPeer$).subscribe({
      next: (frame) => {
        endpoint.receive(frame);
        if (hasEmitted || !endpoint.sender.inFlight.hasProgress) return;
        hasEmitted = true;
        to.next();
      },
      error(error: unknown) {
        state.isBlamed = state.connection?.isRefusal(error) === true && endpoint.sender.blame(error);
        to.error(error);
      },
      complete: () => to.complete(),
    });
  });
}

/**
 * Answers the bye of a stopping server. The remaining messages are for the next server. Returns how
 * long the client waits before it reconnects, in ms.
 */
function leave(retryAfter: unknown, connection: Connection, endpoint: Endpoint): number {
  endpoint.flushAcks();
  endpoint.sender.detach();
  connection.send(controlFrame('bye', 0));
  return whole(retryAfter, 'retryAfter');
}

/**
 * Stores the ticket of a welcome, then agrees. Until then, the client keeps the previous ticket.
 */
function take(
  ticket: Ticket,
  state: State,
  parts: ClientParts & Pick<EndpointOptions, 'inbox'> & { readonly tracker: AckTracker },
  agree: () => void,
): void {
  const taken = (): void => {
    Object.assign(state, { ticket, remembers: true });
    agree();
  };
  if (parts.durability) parts.durability.keepTicket(ticket, state, parts, taken);
  else taken();
}

/** Opens the outbox, and continues where its former owner has stopped. */
function beginClient(
  { store, durability, wait, fail }: ClientParts,
  state: State,
  endpoint: Endpoint,
  options: EndpointOptions,
  onReady: () => void,
): void {
  const begin = (contents: Recalled): void => {
    const { pid, epoch, ticket, cursor, lease } = contents;
    Object.assign(state, { pid, epoch, ticket, remembers: cursor !== undefined, isFresh: epoch === 1, former: ticket?.former ?? [] });
    if (cursor) endpoint.begin(cursor, lease);
    endpoint.sender.begin(contents, onReady);
  };
  wait(() => (durability ? durability.recall(store, options) : store.open()), begin, fail);
}

function hello(state: State, endpoint: Endpoint, { offered }: NegotiatedCodec, options: EndpointOptions): Hello {
  const { delivery = DEFAULTS.delivery, window = DEFAULTS.window, windowBytes = DEFAULTS.windowBytes } = options;
  const { maxFrame = DEFAULTS.maxFrame } = options;
  const { id, receiver } = endpoint;
  const { pid, epoch, ticket, remembers, former } = state;
  return {
    v: PROTOCOL_VERSION,
    pid,
    epoch,
    n: ++state.attempts,
    ...(ticket && { sid: ticket.sid, rt: ticket.rt }),
    ...(former.length > 0 && isUnacked(state, endpoint) && { former }),
    ...(remembers && { rx: receiver.rx }),
    ...((state.isFresh &&= receiver.rx === 0) && { fresh: true }),
    window,
    bytes: windowBytes,
    codecs: offered().map(({ name }) => name),
    id,
    delivery,
    lazyAcks: true,
    rejections: true,
    limits: receiveLimits(maxFrame, offered()),
  };
}

/** @throws {ProtocolError} When the frame is not an answer to the hello of this client. */
function welcomeIn(frame: HandshakeFrame, { isWelcome }: Connection, state: State): Welcome {
  if (frame.kind !== 'welcome' || isWelcome) throw new ProtocolError(`unexpected frame: ${frame.kind}`);
  const welcome = parseWelcome(frame.value);
  const { n, sid, known, resumed } = welcome;
  if (n !== state.attempts) throw new ProtocolError('the welcome answers another hello');
  if (resumed && !(known && state.remembers && sid === state.ticket?.sid)) throw new ProtocolError('the welcome resumes another session');
  return welcome;
}
