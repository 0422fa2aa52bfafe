import { asyncScheduler, catchError, defaultIfEmpty, from, map, of, take, timeout } from 'rxjs';
import { ChannelFailedError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import { HUB_DEFAULTS, type ChannelRequest, type HubOptions } from './hubOptions.js';

/** Returns a function that decides whether a client may do something. Any result but `true` denies it. */
export function createAuthorizer(
  { authorize, authorizeTimeout = HUB_DEFAULTS.authorizeTimeout, scheduler = asyncScheduler }: HubOptions,
  report: (error: unknown) => void,
): (request: ChannelRequest) => MaybeAsync<boolean> {
  return (request) => {
    const deny = (error: unknown): boolean => {
      report(new ChannelFailedError('authorize', request.channel, error));
      return false;
    };
    if (!authorize) return true;
    try {
      const answer = authorize(request);
      if (typeof answer !== 'object') return (answer as unknown) === true;
      return from(answer).pipe(
        take(1),
        defaultIfEmpty(false),
        timeout({ first: authorizeTimeout, scheduler }),
        map((is: unknown) => is === true),
        catchError((error: unknown) => of(deny(error))),
      );
    } catch (error) {
      return deny(error);
    }
  };
}
