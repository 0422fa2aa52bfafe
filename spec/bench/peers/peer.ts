import type { Task } from '../clients/clients.js';

/** The options of the server of a peer. */
export interface ServeOptions {
  /** Called with the payload of each message: the numbers of a stream. @default none */
  readonly onNumber?: (number: number) => void;
  /** What a peer has several of, such as a level of delivery; each peer says which. */
  readonly variant: Variant;
}

/** A choice among the settings of one peer. */
export type Variant = Readonly<Record<string, string | number | boolean>>;

/** What the server of a peer tells of itself. */
export interface Served {
  /** The address for clients: its port is replaced where a proxy stands between. */
  readonly url: string;
  /** Sends one message to all members; `burst` of them at once, if given. */
  publish?(burst: number): void;
  /** CPU time so far in ms, if the server is a program beside this process. @default that of this process */
  cpu?(): number;
  /** The resident size in bytes, if the server is a program beside this process. @default that of this process, and its heap */
  rss?(): number;
}

/** One connection of a client. */
export interface Connection {
  /** Sends a first message; resolves when the peer has acked it by its own means. */
  first(): Promise<unknown>;
  close(): unknown;
}

/** Sends one number. */
export type SendNumber = (number: number) => void;

/** A library that rxwire is compared with; what it does not have, it does not define. */
export interface Peer {
  serve(options: ServeOptions): Promise<Served>;
  /** Opens a connection; the task sends one message of this size, and is done when the peer has acked it by its own means. */
  open?(url: string, size: number, variant: Variant): Promise<Task>;
  /** Opens a connection, which is ready to be used then. */
  connect?(url: string, variant: Variant): Promise<Connection>;
  /** Opens a connection that receives what the server publishes, and is a member when this resolves. */
  join?(url: string, onMessage: () => void, variant: Variant): Promise<unknown>;
  /** Opens a connection as the documentation of the peer recommends it for a network that fails. */
  stream?(url: string, variant: Variant): Promise<SendNumber>;
}
