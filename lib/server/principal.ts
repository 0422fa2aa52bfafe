import type { IncomingMessage } from 'node:http';
import type { ObservableInput } from 'rxjs';
import { Wire, type WireSetup } from '../wire/wire.js';

/** Who is at the other end of a wire. Add whatever the application knows of it. */
export interface Principal {
  /** Names it. A session belongs to one: it can be resumed by no other. */
  readonly id: string;
  /** When what was shown is worth nothing any more, in ms since the epoch: unless fresh credentials come before, the connection is closed. @default never */
  readonly expiresAt?: number;
}

/** What a client shows. */
export interface Credentials {
  /** What its connection began with: cookies, `Authorization`, the address. */
  readonly request: IncomingMessage;
  /** What its option `token` says. */
  readonly token?: string;
}

/** Tells who shows these credentials; `undefined`, or a throw, when they are worth nothing. */
export type Authenticate<P extends Principal | undefined> = (credentials: Credentials) => P | undefined | ObservableInput<P | undefined>;

/** A wire, and who is at its other end. */
export type ServerWire<P extends Principal | undefined = undefined> = Wire & {
  /** As it was authenticated last; `undefined`, where nobody is asked. */
  readonly principal: P;
};

/** A wire that shows who is at its other end at any time. A class, as a getter for each wire of its own would take two kilobytes more. */
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

/** A wire of whoever it may be. */
export type AnyWire = ServerWire<Principal | undefined>;
