import type { ReceivedHello, ServerHandshake } from '../../core/serverHandshake.js';
import type { SessionCodec } from '../../core/sessionTypes.js';
import type { ServedStores } from './servedStores.js';

/** A client whose session begins. */
export interface NewClient {
  readonly handshake: ServerHandshake;
  readonly hello: ReceivedHello;
  readonly codec: SessionCodec;
  /**
   * The frame of the welcome that the client has answered; undefined for a known client, whose
   * session sends the welcome.
   */
  readonly welcome: string | undefined;
  /** Undefined if the server has no stores. */
  readonly stores: ServedStores | undefined;
  /** Ends the count of the quota, and the lease of the inbox. */
  readonly giveUp: () => void;
}
