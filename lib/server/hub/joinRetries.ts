import { defer, throwError, type SchedulerLike, type Subscription } from 'rxjs';
import { ChannelFailedError } from '../../message/errors.js';
import { asObservable, type MaybeAsync } from '../../message/maybeAsync.js';
import { inBackground, retryReads } from './followLog.js';

export type JoinRetries = ReturnType<typeof createJoinRetries>;

/**
 * Creates the joins of a client that are repeated while the log fails: a failure that passes ends
 * no channel. The other messages of the client do not wait for them.
 */
export function createJoinRetries({ scheduler, report }: { readonly scheduler: SchedulerLike; readonly report: (error: unknown) => void }) {
  const retries = new Map<string, Subscription>();
  return {
    /** Repeats a join that has failed. */
    start(channel: string, join: () => MaybeAsync<void>, failure: unknown): void {
      let source$ = throwError(() => failure);
      const join$ = defer(() => {
        const current$ = source$;
        source$ = asObservable(join) as typeof source$;
        return current$;
      });
      const onFailed = (error: unknown): void => report(new ChannelFailedError('log', channel, error));
      const retrying = join$.pipe(retryReads(inBackground(scheduler), onFailed)).subscribe();
      retries.set(channel, retrying);
      retrying.add(() => retries.get(channel) === retrying && retries.delete(channel));
    },
    /** Ends the repetition of a join; without a channel, of all joins. */
    stop(channel?: string): void {
      for (const [name, retrying] of retries) if (channel === undefined || name === channel) retrying.unsubscribe();
    },
  };
}
