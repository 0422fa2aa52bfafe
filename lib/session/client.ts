import { asyncScheduler, noop } from 'rxjs';
import { ProtocolError, SessionLostError } from '../errors.js';
import type { Connection } from './connection.js';
import type { Recalled, TicketState } from './durable.js';
import { createEndpoint, type Endpoint, type EndpointParts } from './endpoint.js';
import { controlFrame } from './frames.js';
import { parseWelcome, PROTOCOL_VERSION, whole, type Hello, type Welcome } from './handshake.js';
import type { Negotiable } from './negotiable.js';
import type { EndpointOptions } from './options.js';
import type { HandshakeFrame } from './reading.js';
import type { OutboxStore, Ticket } from './store/outboxStore.js';
import { createCredentials, type CredentialsOptions } from './token.js';

/** What a client is given. */
export interface ClientParts extends Pick<EndpointParts, 'emit' | 'fail' | 'wait' | 'life' | 'durability' | 'woken$'> {
  readonly codec: Negotiable;
  readonly store: OutboxStore;
}

/** The client's side of a session. */
export interface Client extends Endpoint {
  /** For how long the server, which stops, has asked to be left alone, in ms from now. */
  readonly pause: () => number;
}

interface State extends TicketState {
  pid: string;
  epoch: number;
  /** How many connections this owner of the outbox has opened. */
  attempts: number;
  ticket: Ticket | undefined;
  /** The name of the server's wire. */
  server: string;
  /** Whether we know what we have accepted from the server in the session of the ticket. */
  remembers: boolean;
  /** When the server, which stops, may be asked again. */
  backAt: number;
}

/** The client's side of the handshake. Calls back when its outbox is open: from then on there may be connections. */
export function createClient(parts: ClientParts, options: EndpointOptions & CredentialsOptions, onReady: () => void): Client {
  const { inbox, scheduler = asyncScheduler, report = noop } = options;
  const state: State = { pid: '', epoch: 0, attempts: 0, ticket: undefined, server: '', remembers: false, backAt: 0, onStored: undefined };
  const credentials = createCredentials(options, parts);

  const enter = (
    { sid, rt, rx, known, resumed, ping, id: server, expires, codec, ...allowance }: Welcome,
    connection: Connection,
  ): void => {
    if (parts.codec.choose(codec)) endpoint.outgoing.outdate();
    if (!resumed) {
      if (state.remembers) report({ kind: 'error', error: new SessionLostError() });
      state.remembers = false;
      endpoint.incoming.receiver.begin(sid);
    }
    state.server = server;
    connection.welcome();
    credentials.expire(connection, expires);
    const agree = (): void => endpoint.agree(connection, agreement);
    const agreement = { rx, isKnown: known, allowance, ping };
    // What was numbered anew is stored before the ticket, and nothing is sent before that: whoever crashes in between still has the old ones.
    endpoint.resume(agreement, () => {
      if (endpoint.isCurrent(connection)) take({ sid, rt }, state, { ...parts, ...(!resumed && { inbox }) }, agree);
    });
  };
  const greet = (connection: Connection): void => {
    if (endpoint.isCurrent(connection))
      connection.send(controlFrame('hello', { ...hello(state, endpoint, parts.codec, options), token: credentials.shown }));
  };
  const endpoint = createEndpoint(
    {
      ...parts,
      ...{ sends: 'to-server', pid: () => state.pid, source: () => state.server },
      onOpen(connection) {
        // The server takes two tokens, the one shown last and the one given last: a crash must not bring back a third.
        if (state.onStored) state.onStored = (): void => greet(connection);
        else greet(connection);
      },
      onHandshake(frame, connection) {
        if (connection.isAgreed && frame.kind === 'auth') credentials.expire(connection, whole(frame.value));
        else if (connection.isAgreed && frame.kind === 'bye') state.backAt = scheduler.now() + leave(frame.value, connection, endpoint);
        else enter(welcomeIn(frame, connection, state), connection);
      },
    },
    options,
  );

  beginClient(parts, state, endpoint, options, onReady);
  return {
    ...endpoint,
    over: (link) => credentials.before(endpoint.over(link)),
    pause: () => state.backAt - scheduler.now(),
  };
}

/** The server stops: what it has not got yet is for the next one, and it is told that nothing more will come. Answers with how long to stay away. */
function leave(retryAfter: unknown, connection: Connection, { outgoing }: Endpoint): number {
  outgoing.detach();
  connection.send(controlFrame('bye', 0));
  return whole(retryAfter);
}

/** Until it is stored, what is shown is the one before. */
function take(ticket: Ticket, state: State, parts: ClientParts & Pick<EndpointOptions, 'inbox'>, agree: () => void): void {
  const taken = (): void => {
    Object.assign(state, { ticket, remembers: true });
    agree();
  };
  if (parts.durability) parts.durability.keepTicket(ticket, state, parts, taken);
  else taken();
}

/** Opens the outbox, and goes on where whoever had it before has left. */
function beginClient(
  { store, durability, wait, fail }: ClientParts,
  state: State,
  endpoint: Endpoint,
  options: EndpointOptions,
  onReady: () => void,
): void {
  const begin = (contents: Recalled): void => {
    const { pid, epoch, ticket, cursor } = contents;
    Object.assign(state, { pid, epoch, ticket, remembers: cursor !== undefined });
    if (ticket && cursor) endpoint.incoming.receiver.begin(ticket.sid, cursor);
    endpoint.outgoing.begin(contents, onReady);
  };
  wait(() => (durability ? durability.recall(store, options) : store.open()), begin, fail);
}

function hello(state: State, { id, incoming }: Endpoint, { offered }: Negotiable, options: EndpointOptions): Hello {
  const { delivery = 'at-least-once', window = 1_024, windowBytes = 1024 * 1024 } = options;
  const { pid, epoch, ticket, remembers } = state;
  return {
    ...{ v: PROTOCOL_VERSION, pid, epoch, n: ++state.attempts, ...ticket },
    ...(remembers && { rx: incoming.receiver.rx }),
    ...{ window, bytes: windowBytes, codecs: offered().map(({ name }) => name), id, delivery },
  };
}

/** @throws {ProtocolError} When the frame is no answer to our hello. */
function welcomeIn(frame: HandshakeFrame, { isWelcome }: Connection, state: State): Welcome {
  if (frame.kind !== 'welcome' || isWelcome) throw new ProtocolError(`a ${frame.kind} out of place`);
  const welcome = parseWelcome(frame.value);
  const { n, sid, known, resumed } = welcome;
  if (n !== state.attempts) throw new ProtocolError('a welcome for another hello');
  if (resumed && !(known && state.remembers && sid === state.ticket?.sid)) throw new ProtocolError('a session that was not asked for');
  return welcome;
}
