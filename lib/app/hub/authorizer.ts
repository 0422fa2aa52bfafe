import { catchError, defaultIfEmpty, from, map, of, take, timeout, type ObservableInput } from 'rxjs';
import { ChannelFailedError } from '../../errors.js';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import { steadyScheduler } from '../../internal/steadyScheduler.js';
import { MAX_REASON_LENGTH } from '../channels/channelPayloads.js';
import { HUB_DEFAULTS, type ChannelRequest, type HubOptions } from './hubOptions.js';

/**
 * Returns a function that decides whether a client may do something. It returns the reason of a
 * refusal; `undefined` grants permission. Any result of `authorize` but `true` is a refusal.
 * Without `authorize`, only the server ends a channel.
 */
export function createAuthorizer(
  { authorize, authorizeTimeout = HUB_DEFAULTS.authorizeTimeout, scheduler = steadyScheduler() }: HubOptions,
  report: (error: unknown) => void,
): (request: ChannelRequest) => MaybeAsync<string | undefined> {
  if (!authorize) return ({ action }) => (action === 'end' ? FORBIDDEN : undefined);
  return (request) => {
    const deny = (error: unknown): string => {
      report(new ChannelFailedError('authorize', request.channel, error));
      return FORBIDDEN;
    };
    try {
      const answer: unknown = authorize(request);
      if (typeof answer !== 'object' || hasReason(answer)) return reasonOf(answer);
      return from(answer as ObservableInput<unknown>).pipe(
        take(1),
        defaultIfEmpty(false),
        timeout({ first: authorizeTimeout, scheduler }),
        map(reasonOf),
        catchError((error: unknown) => of(deny(error))),
      );
    } catch (error) {
      return deny(error);
    }
  };
}

const FORBIDDEN = 'forbidden';

function reasonOf(answer: unknown): string | undefined {
  if (answer === true) return undefined;
  const reason = hasReason(answer) && typeof answer.reason === 'string' ? answer.reason : '';
  return reasonText(reason) || FORBIDDEN;
}

/** Returns a reason as it is sent: without control characters, and not too long. */
export function reasonText(reason: string): string {
  return reason.replace(/\p{Cc}/gu, '').slice(0, MAX_REASON_LENGTH);
}

function hasReason(answer: unknown): answer is { readonly reason: unknown } {
  return typeof answer === 'object' && answer !== null && 'reason' in answer;
}
