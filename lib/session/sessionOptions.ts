import type { Observable } from 'rxjs';
import type { TokenSource } from './credentials.js';
import type { EndpointOptions } from './endpointOptions.js';
import type { NetworkSignal } from './networkSignals.js';
import type { ReconnectOptions } from './reconnect.js';
import type { OutboxStore } from './store/outboxStore.js';

export interface SessionOptions extends EndpointOptions {
  /** @default from 0.5 to 30 s with full jitter, for ever */
  readonly reconnect?: ReconnectOptions;
  /**
   * The credentials for the server, which are sent in the hello, and never in a URL. Requested for
   * each connection, and again before they expire. An exception counts as a failed connection and
   * is retried, except for an `UnauthorizedError`, which ends the wire.
   * @default none
   */
  readonly token?: TokenSource;
  /**
   * The signals of the platform about the page and the network.
   * @default those of the browser; on
   * Node none
   */
  readonly signals$?: Observable<NetworkSignal>;
  /** The store of the numbered messages until they are acked. @default memoryOutbox() */
  readonly outbox?: OutboxStore;
}
