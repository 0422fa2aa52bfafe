import type { IncomingMessage } from 'node:http';
import type { ObservableInput } from 'rxjs';
import { Wire, type WireSetup } from '../wire/wire.js';

/** The authenticated client of a wire. The application may add fields. */
export interface Principal {
  /** Identifies the principal. A session belongs to one principal: no other principal can resume the session. */
  readonly id: string;
  /** When the credentials expire, in ms since the epoch. The server closes the connection then, unless the client has sent fresh credentials. @default never */
  readonly expiresAt?: number;
}

/** The credentials of a client. */
export interface Credentials {
  /** The request that opened the connection, with its cookies, `Authorization` and address. */
  readonly request: IncomingMessage;
  /** The `token` of the client's options. */
  readonly token?: string;
}

/** Returns the principal of credentials; returns `undefined`, or throws, if they are not valid. */
export type Authenticate<P extends Principal | undefined> = (credentials: Credentials) => P | undefined | ObservableInput<P | undefined>;

/** A wire, and its principal. */
export type ServerWire<P extends Principal | undefined = undefined> = Wire & {
  /** The principal as it was authenticated last; `undefined` without `authenticate`. */
  readonly principal: P;
};

/** A wire with its current principal. It is a class because a getter of each wire would take two kilobytes. */
export class PrincipalWire<P extends Principal | undefined> extends Wire {
  readonly #principal: () => P;

  constructor(setup: WireSetup, principal: () => P) {
    super(setup);
    this.#principal = principal;
  }

  get principal(): P {
    return this.#principal();
  }
}

/** A wire of any principal. */
export type AnyWire = ServerWire<Principal | undefined>;
