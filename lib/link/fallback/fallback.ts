import { defer, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from '../../internal/coalescedTimer.js';
import { assertPositive } from '../../internal/assert.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import { describedBy } from '../describedBy.js';
import type { DescribedLink, Frame, Link } from '../link.js';
import { createLinkPreference } from './linkPreference.js';
import { createLinkSelector } from './linkSelector.js';

export interface FallbackOptions {
  /**
   * The time in which a link must receive something, in ms; then the next one is tried.
   * @default
   * 4_000
   */
  readonly timeout?: number;
  /**
   * The time after which better links are tried again, in ms. It doubles after each failure, up to
   * an hour. A WebSocket takes over when it is open; the connection in use is not interrupted
   * before.
   * @default 60_000
   */
  readonly upgradeAfter?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

type Candidate = Link<Frame> & DescribedLink;

/**
 * Uses the first of several links that works; the best one comes first. A link works when it has
 * received something: the server of a session answers at once. The next connection starts with the
 * link that worked. A working link that fails is lost, as any link: a client that reconnects, as
 * `connect` does, uses the next link that works, and the session continues.
 *
 * Its `protocol` and `endpoint` are those of the link in use.
 *
 * @param args The links, optionally followed by {@link FallbackOptions}.
 * @throws {TypeError} At call time, without a link.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * import { fallback, longPolling, serverSentEvents, webSocket } from 'rxwire';
 *
 * const url = 'ws://127.0.0.1:4870/wire';
 * const link = fallback(webSocket(url), serverSentEvents(url), longPolling(url), {
 *   timeout: 3_000,
 * });
 */
export function fallback(...args: readonly Candidate[] | readonly [...links: Candidate[], options: FallbackOptions]): Candidate {
  const all: readonly (Candidate | FallbackOptions)[] = args;
  const links = all.filter(isLink);
  const options: FallbackOptions = all.find(isOptions) ?? {};
  const { timeout = 4_000, upgradeAfter = 60_000, scheduler = steadyScheduler() } = options;
  assertPositive('fallback', { timeout, upgradeAfter });
  if (links.length === 0) throw new TypeError('fallback: expected at least one link');

  const preference = createLinkPreference(upgradeAfter, scheduler);
  const use = createLinkSelector({ links, preference, scheduler, timeLimit: Math.min(timeout, MAX_DELAY) });
  const link: Link<Frame> = (outgoing) => defer(() => use(preference.start(), links.length, outgoing));
  return describedBy(link, () => links[preference.current]);
}

function isLink(one: Candidate | FallbackOptions): one is Candidate {
  return typeof one === 'function';
}

function isOptions(one: Candidate | FallbackOptions): one is FallbackOptions {
  return typeof one === 'object';
}
