import type { ReceivedHello, ServerHandshake } from '../../core/serverHandshake.js';
import { CloseCode } from '../../message/closeCode.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { createFairEviction, groupOf } from './quota.js';
import type { WiresOptions } from '../serverOptions.js';
import { TAKEN_OVER } from './servedClient.js';

/** A client that has not confirmed a welcome. It has no session, no wire and no timer. */
export interface UnconfirmedClient {
  readonly handshake: ServerHandshake;
  /** The `id` of its principal. */
  readonly owner: string | undefined;
  /** Its open connection, which counts against the quota; undefined while the client is away. */
  connection: IncomingConnection | undefined;
  /**
   * Ends the count of the quota, and the lease of the inbox, if there is one. To be called once.
   */
  readonly release: () => void;
  /** The time at which the client has lost its connection. */
  awaySince?: number;
}

/** The maximum number of clients that are away: each takes less than a kilobyte. */
const MAX_AWAY = 1_000;

/**
 * The clients that have not confirmed a welcome, by the names of their outboxes. A client that has
 * lost its connection meanwhile stays for a while: its welcome still counts when it returns, so
 * that a lost frame loses nothing.
 */
export class UnconfirmedClients {
  readonly #clients = new Map<string, UnconfirmedClient>();
  readonly #away = createFairEviction<string>(MAX_AWAY);

  readonly #options: Pick<WiresOptions, 'scheduler' | 'detachedTimeout'>;

  constructor(options: Pick<WiresOptions, 'scheduler' | 'detachedTimeout'>) {
    this.#options = options;
  }

  /**
   * Returns the client of a hello.
   *
   * @param isShared Whether other servers may have welcomed the client, too.
   */
  recall(connection: IncomingConnection, hello: ReceivedHello, isShared: boolean): UnconfirmedClient | undefined {
    const known = this.#clients.get(hello.pid);
    if (!isShared || known?.awaySince === undefined) return known;
    // The hello may show the token of another server. Before the time is over, another one must not
    // take the place of the client.
    const { scheduler, detachedTimeout } = this.#options;
    const isOver = scheduler.now() - known.awaySince >= detachedTimeout;
    return isOver && refusalIn(known, connection, hello, true) === CloseCode.TRY_AGAIN_LATER ? undefined : known;
  }
  /** Adds a client whose connection is open. */
  enter(pid: string, client: UnconfirmedClient): void {
    this.#away.remove(pid);
    this.#clients.set(pid, client);
  }
  /**
   * Another connection of a client replaces that on which it has not confirmed its welcome.
   */
  supersede(pid: string): void {
    const known = this.#clients.get(pid);
    const older = known?.connection;
    if (!known || !older) return;
    this.leave(pid, known);
    older.close(CloseCode.SUPERSEDED, TAKEN_OVER);
  }
  /** A client has lost its connection, unless it has confirmed its welcome. */
  leave(pid: string, client: UnconfirmedClient): void {
    const { connection, owner, release } = client;
    if (!connection) return;
    client.connection = undefined;
    client.awaySince = this.#options.scheduler.now();
    release();
    const evicted = this.#away.add(pid, groupOf(owner, connection.address));
    if (evicted !== undefined) this.#clients.delete(evicted);
  }
  /** Forgets a client: it has confirmed its welcome. */
  delete(pid: string): void {
    this.#away.remove(pid);
    this.#clients.delete(pid);
  }
}

/**
 * Returns the code with which the memory of a client refuses a hello.
 *
 * @param isShared Whether other servers may have welcomed the client, too: nothing is stored of it.
 */
export function refusalIn(
  { handshake, owner }: UnconfirmedClient,
  { principal }: IncomingConnection,
  hello: ReceivedHello,
  isShared: boolean,
): CloseCode | undefined {
  // Checked first: another principal must not learn that the client exists.
  if (owner !== principal?.id) return CloseCode.FORBIDDEN;
  const code = handshake.refusal(hello, undefined) as CloseCode | undefined;
  return code === CloseCode.FORBIDDEN && isShared ? CloseCode.TRY_AGAIN_LATER : code;
}
