import { asyncScheduler } from 'rxjs';
import { ProtocolError } from '../../errors.js';
import type { Connection } from '../../session/connection.js';
import { durable, type Durable } from '../../session/durable.js';
import { createEndpoint, type Endpoint, type EndpointParts } from '../../session/endpoint.js';
import { credential } from '../../session/handshake.js';
import type { Drained } from '../draining.js';
import { createFarewell } from './farewell.js';
import { createGreeting } from './greeting.js';
import { createRenewal } from './renewal.js';
import { restOf, type Reached, type Rest } from './rest.js';
import type { ServerSideOptions, ServerSideSetup } from './serverSideSetup.js';

/** The server's side of a session. */
export interface ServerSide extends Endpoint, Drained {
  /** What would remain of it; nothing, when it has something to do. */
  readonly rest: () => Rest | undefined;
  /** How far it has got, in both directions. */
  readonly reached: () => Reached;
  /** Goes on over a connection that is agreed, and about to be given to it. @param quiet How often it was looked, and nothing heard. */
  readonly goOn: (rest: Rest, quiet: number) => void;
}

/** The server's side of a session, over one connection after the other. */
export function createServerSide(
  setup: ServerSideSetup,
  parts: Pick<EndpointParts, 'emit' | 'fail' | 'wait' | 'life'>,
  options: ServerSideOptions,
): ServerSide {
  const { pingInterval: ping, scheduler = asyncScheduler } = options;
  const { pid, codec, store, contents, cursor, attachment, throttle, onQuiet } = setup;
  const greeting = createGreeting(setup, parts, options, () => [endpoint, farewell]);
  const greet = (connection: Connection): void => greeting.greet(connection);
  /** What is done with the next connection. */
  let open = greet;
  const { renew, isIdle: isRenewed } = createRenewal(attachment, parts.wait, scheduler);
  const endpoint = createEndpoint(
    {
      ...{ ...parts, ...throttle, durability: store.isDurable || store.faults$ || options.inbox ? (durable as Durable) : undefined },
      ...{ codec, store, sends: 'to-client', pid: () => pid, source: () => attachment().hello().id, onQuiet },
      onOpen: (connection) => open(connection),
      onEarly: (connection) => greeting.agree(connection),
      onHandshake({ kind, value }, connection) {
        if (kind === 'auth' && connection.isAgreed) renew(credential(value), connection);
        else if (kind === 'bye' && farewell.answer()) return;
        else if (kind !== 'hello') throw new ProtocolError(`a ${kind} out of place`);
        else greeting.readHello();
      },
    },
    options,
  );
  const farewell = createFarewell(endpoint, throttle?.release);
  endpoint.incoming.receiver.begin(pid, cursor);
  endpoint.outgoing.begin(contents, () => greeting.begin());
  const isIdle = (): boolean => isRenewed() && farewell.isHere() && !farewell.isSaid() && (throttle?.isIdle() ?? true);
  return {
    ...{ ...endpoint, bye: farewell.bye, isIdle: farewell.isIdle },
    rest: () => (isIdle() ? restOf(endpoint) : undefined),
    reached() {
      const { acked, sent } = endpoint.outgoing.flight;
      // Who is slowed gets no further than that, also by what it skips.
      return { rx: throttle?.acked() ?? endpoint.incoming.receiver.rx, acked, open: sent - acked + endpoint.unread() };
    },
    goOn(rest, quiet) {
      greeting.readHello();
      open = (connection) => {
        open = greet;
        farewell.over(connection);
        goOn(connection, endpoint, rest, ping, quiet);
      };
    },
  };
}

/** Both sides know of each other already. */
function goOn(connection: Connection, { outgoing }: Endpoint, { acked, allowance }: Rest, ping: number, quiet: number): void {
  connection.welcome();
  connection.agree(ping, quiet);
  outgoing.attach((frame) => connection.send(frame), acked, allowance);
}
