import { fromEvent, merge, NEVER, Observable, type SchedulerLike } from 'rxjs';
import { assertPositive, checkOptions, noteNotShared } from '../message/development.js';
import { steadyScheduler } from '../message/steadyScheduler.js';
import { describedBy, type DescribedLink, type Frame, type Link } from './link.js';
import { browserChannel, type BroadcastChannelConstructor } from './shared/tabChannel.js';
import { tabGroup } from './shared/tabGroup.js';
import { browserLocks, held, type LocksLike } from './webLocks.js';

export interface SharedLinkOptions {
  /**
   * How long the tab with the connection may take to answer, in ms. After that, another tab opens a
   * connection.
   * @default 700
   */
  readonly answerTimeout?: number;
  /**
   * The lock manager; `false`: the link opens a connection of its own.
   * @default the browser's Web Locks, if available
   */
  readonly locks?: LocksLike | false | undefined;
  /** The class of the channels between tabs. @default the browser's, if available */
  readonly BroadcastChannel?: BroadcastChannelConstructor | undefined;
  /**
   * Emits when the page is about to be frozen, or left: then another tab opens the connection.
   * @default the events `freeze` and `pagehide`
   */
  readonly leaving$?: Observable<unknown>;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/**
 * A link over one connection of all tabs of this origin that use the same `name`. Each tab keeps
 * its own session, with its own credentials and guarantees. One tab, the leader, opens the
 * connection of `link`, and the frames of the other tabs travel over it. When the leader closes,
 * crashes, is frozen or does not answer, the links of the other tabs fail as after any lost
 * connection, and one of them becomes the leader. The wires reconnect within a second, and resume
 * their sessions. When the server closes the connection with 1009, for a frame that is too large,
 * the tabs that did not send the frame reconnect, too.
 *
 * Without Web Locks or `BroadcastChannel` (an insecure page, Node), and when 32 wires share the
 * connection already, the link opens a connection of its own. An iframe in a page of another site
 * does not share the connection.
 *
 * @param name Identifies the connection. A server that authenticates by cookies identifies all tabs
 *   by the cookie of the leader: add the name of the user to the name, if the user may change.
 * @param link A link whose server is `listen` or `serve`, such as `webSocket(url)`.
 * @throws {RangeError} At call time, if `answerTimeout` is not positive.
 * @example
 * import { connect, sharedLink, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: sharedLink('app', webSocket('ws://127.0.0.1:4870/wire')) });
 */
export function sharedLink(name: string, link: Link<Frame> & DescribedLink, options: SharedLinkOptions = {}): Link<Frame> & DescribedLink {
  checkOptions('sharedLink', options);
  const { answerTimeout = 700, scheduler = steadyScheduler(), leaving$ = pageLeaving() } = options;
  const { locks = browserLocks(), BroadcastChannel = browserChannel() } = options;
  assertPositive('sharedLink', { answerTimeout });
  if (!locks || !BroadcastChannel) {
    noteNotShared(name);
    return link;
  }
  const join = tabGroup(`rxwire:tabs:${name}`, link, {
    BroadcastChannel,
    answerTimeout,
    scheduler,
    leaving$,
    hold: (lock, steal) => held(locks, lock, steal ? 'steal' : 'wait'),
  });
  return describedBy(
    (outgoing) => new Observable((to) => join(outgoing, to)),
    () => link,
  );
}

/** Emits when the page is about to be frozen, or left. */
function pageLeaving(): Observable<unknown> {
  const { document } = globalThis as { readonly document?: EventTarget };
  return document ? merge(fromEvent(globalThis as unknown as EventTarget, 'pagehide'), fromEvent(document, 'freeze')) : NEVER;
}
