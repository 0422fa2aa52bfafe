import { defaultIfEmpty, from, timeout, type ObservableInput } from 'rxjs';
import { ChannelFailedError } from '../../message/errors.js';
import { attempt, type MaybeAsync } from '../../message/maybeAsync.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import { MAX_REASON_LENGTH } from '../../message/messageLimits.js';
import type { ChannelRequest, HubSettings } from './hubOptions.js';

/** Returns the reason of a refusal; `undefined` grants permission. */
export type Authorizer = (request: ChannelRequest) => MaybeAsync<string | undefined>;

/** Returns the decision about each request. Any result of `authorize` but `true` is a refusal. */
export function createAuthorizer(
  { authorize, authorizeTimeout, scheduler = steadyScheduler() }: Pick<HubSettings, 'authorize' | 'authorizeTimeout' | 'scheduler'>,
  report: (error: unknown) => void,
): Authorizer {
  if (!authorize) return ({ action }) => (action === 'end' ? FORBIDDEN : undefined);
  const ask = (request: ChannelRequest): MaybeAsync<unknown> => {
    const answer: unknown = authorize(request);
    if (typeof answer !== 'object' || hasReason(answer)) return answer;
    return from(answer as ObservableInput<unknown>).pipe(defaultIfEmpty(false), timeout({ first: authorizeTimeout, scheduler }));
  };
  return (request) =>
    attempt(
      () => ask(request),
      (answer) => reasonOf(answer),
      (error) => {
        report(new ChannelFailedError('authorize', request.channel, error));
        return FORBIDDEN;
      },
    );
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
