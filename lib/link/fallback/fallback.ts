import { asyncScheduler, defer, type SchedulerLike } from 'rxjs';
import { MAX_DELAY } from '../../internal/alarm.js';
import { assertPositive } from '../../internal/assert.js';
import type { DescribedLink, Frame, Link } from '../link.js';
import { createPreference } from './preference.js';
import { createUsing } from './using.js';

export interface FallbackOptions {
  /** How long a link may take until something has come over it, in ms; then the next one is tried. @default 4_000 */
  readonly timeout?: number;
  /**
   * After how long on another link those before it are tried again, in ms, and twice as long each time it was in vain, up to an hour. A WebSocket takes
   * over once it is open; before that nothing is interrupted. @default 60_000
   */
  readonly upgradeAfter?: number;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

type Candidate = Link<Frame> & DescribedLink;

/**
 * The first of several links that works, the best one first. It works when something has come over it: the server of a session answers at once. The
 * next connection begins with the one that did. One that fails after it has worked is lost, as any link: who reconnects, as `connect` does, gets what
 * works then, and the session goes on.
 *
 * It tells of itself what the link tells that is in use.
 *
 * @param given The links, then perhaps {@link FallbackOptions}.
 * @throws {TypeError} At call time, without a link.
 * @throws {RangeError} At call time, if a number is out of range.
 * @example
 * const url = 'ws://127.0.0.1:4870/wire';
 * const link = fallback(webSocket(url), serverSentEvents(url), longPolling(url), { timeout: 3_000 });
 */
export function fallback(...given: readonly Candidate[] | readonly [...links: Candidate[], options: FallbackOptions]): Candidate {
  const all: readonly (Candidate | FallbackOptions)[] = given;
  const links = all.filter(isLink);
  const options: FallbackOptions = all.find(isOptions) ?? {};
  const { timeout = 4_000, upgradeAfter = 60_000, scheduler = asyncScheduler } = options;
  assertPositive('fallback', { timeout, upgradeAfter });
  if (links.length === 0) throw new TypeError('fallback: no link was given');

  const preference = createPreference(upgradeAfter, scheduler);
  const use = createUsing({ links, preference, scheduler, timeLimit: Math.min(timeout, MAX_DELAY) });
  const link: Link<Frame> = (outgoing) => defer(() => use(preference.start(), links.length, outgoing));
  const tell = (name: keyof DescribedLink): PropertyDescriptor => ({ enumerable: true, get: () => links[preference.current]?.[name] });
  return Object.defineProperties(link, { protocol: tell('protocol'), endpoint: tell('endpoint') });
}

function isLink(one: Candidate | FallbackOptions): one is Candidate {
  return typeof one === 'function';
}

function isOptions(one: Candidate | FallbackOptions): one is FallbackOptions {
  return typeof one === 'object';
}
