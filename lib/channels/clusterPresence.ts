import type { Observable } from 'rxjs';
import type { Presence } from './memberList.js';

/** The members that joined, left and changed their state. */
export type PresenceChange = Pick<Presence, 'entered' | 'left' | 'updated'>;

/**
 * Connects the presence of hubs on several nodes, so that they share the members of each channel. A
 * member has one id on all nodes. One hub of a node uses it.
 *
 * @example
 * import { NEVER, Subject } from 'rxjs';
 * import { type ClusterPresence, hub, type PresenceChange } from 'rxwire';
 *
 * // Two nodes in one process.
 * const changes$ = [new Subject<PresenceChange>(), new Subject<PresenceChange>()];
 * const node = (own: number): ClusterPresence => ({
 *   publish: (_channel, change) => changes$[own]?.next(change),
 *   changes: () => changes$[1 - own] ?? NEVER,
 * });
 * const [one, other] = [hub({ presence: node(0) }), hub({ presence: node(1) })];
 */
export interface ClusterPresence {
  /**
   * Publishes that members of this node have entered or left a channel, or have set their state.
   * Only the `id` of a member that has left counts. A member is in both `entered` and `updated`
   * when it has set a state since it entered. The call does not fail: an implementation repairs a
   * lost message by itself.
   */
  publish(channel: string, change: PresenceChange): void;
  /**
   * Emits the members of the other nodes: first those who are there, as `entered`, as soon as they
   * are known, then each change. A member that is at several other nodes has entered with the first
   * of them and left with the last. Where several nodes set the state of one member, all nodes end
   * with the same state. The node receives the changes of a channel while this Observable has its
   * subscriber. It does not fail.
   */
  changes(channel: string): Observable<PresenceChange>;
}
