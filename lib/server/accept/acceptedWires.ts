import type { AnyWire } from '../principal.js';
import type { WiresOptions } from '../serverOptions.js';
import type { IncomingConnection } from './incomingConnection.js';

/** The options of the wires of a server, with the functions that take its wires and refusals. */
export interface AcceptedWires extends WiresOptions {
  /** Takes the wire of each new client. */
  readonly emit: (wire: AnyWire) => void;
  /** Closes the connection of a client, and reports the error. */
  readonly refuse: (connection: IncomingConnection, error: unknown) => void;
  /** Reports the reason why a client was refused. */
  readonly onRefused: (error: unknown) => void;
}
