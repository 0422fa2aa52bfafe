import type { SchedulerLike } from 'rxjs';
import { CloseCode } from '../../link/closeCode.js';
import type { Hello } from '../../session/protocol/handshake.js';
import { createFairEviction } from '../limits/fairEviction.js';
import type { Principal } from '../principal.js';
import type { Peer, PeerRecord } from './resumption.js';

export interface UnconfirmedPeersOptions {
  readonly scheduler: SchedulerLike;
  /** How long a client keeps its place that shows the token of another server, in ms. */
  readonly detachedTimeout: number;
}

/**
 * The clients that have lost their connection before they confirmed a welcome: their welcomes still
 * count when they return, so that a lost frame loses nothing.
 */
export interface UnconfirmedPeers {
  /** @param group The principal or address that the client counts for. */
  keep(pid: string, peer: Peer, group: string): void;
  /**
   * Removes and returns a client; `undefined` for an unknown one. A client whose hello shows a
   * token that another server may have given is unknown when this server has welcomed it
   * `detachedTimeout` ago, or earlier: before that, a stranger must not take its place.
   */
  take(pid: string, hello: Hello, principal: Principal | undefined): Peer | undefined;
}

/** The maximum number of clients: each takes less than a kilobyte. */
const MAX_UNCONFIRMED = 1_000;

export function createUnconfirmedPeers({ scheduler, detachedTimeout }: UnconfirmedPeersOptions): UnconfirmedPeers {
  const peers = new Map<string, Peer>();
  const waiting = createFairEviction<string>(MAX_UNCONFIRMED);
  /**
   * When clients were kept first. Each welcome makes a new record, and a hello that is refused
   * makes none.
   */
  const since = new WeakMap<PeerRecord, number>();
  return {
    keep(pid, peer, group) {
      if (!since.has(peer.record)) since.set(peer.record, scheduler.now());
      peers.set(pid, peer);
      const evicted = waiting.add(pid, group);
      if (evicted !== undefined) peers.delete(evicted);
    },
    take(pid, hello, principal) {
      const found = peers.get(pid);
      peers.delete(pid);
      waiting.remove(pid);
      const isOver = found && scheduler.now() - (since.get(found.record) as number) >= detachedTimeout;
      return isOver && found.refusal(hello, principal) === CloseCode.TRY_AGAIN_LATER ? undefined : found;
    },
  };
}
