import { Subscription, type SchedulerLike } from 'rxjs';

/** How long an idle tab waits until it asks the leader again, in multiples of the timeout. */
const IDLE = 2;

/**
 * Checks that the tab with the connection answers. It asks when this tab sends, and from time to
 * time. A timer that is late shows that this tab did not run: then it asks a second time.
 *
 * @param ask Asks the other tab.
 * @param onSilent Called once, when there was no answer.
 */
export function leaderCheck(ask: () => void, onSilent: () => void, timeout: number, scheduler: SchedulerLike) {
  const life = new Subscription();
  let timer = Subscription.EMPTY;
  let isAsking = false;
  let hasHeard = false;
  /** Whether this tab has sent something since it has asked. */
  let hasSent = false;

  const wait = (delay: number, then: () => void): void => {
    timer.unsubscribe();
    if (!life.closed) timer = scheduler.schedule(then, delay);
  };
  const begin = (isRepeated = false): void => {
    isAsking = true;
    hasHeard = hasSent = false;
    const due = scheduler.now() + timeout;
    wait(timeout, () => check(due, isRepeated));
    ask();
  };
  const check = (due: number, isRepeated: boolean): void => {
    isAsking = false;
    if (hasHeard && hasSent) begin();
    else if (hasHeard) wait(IDLE * timeout, () => begin());
    else if (!isRepeated && scheduler.now() - due > timeout / 2) begin(true);
    else onSilent();
  };
  life.add(() => timer.unsubscribe());

  return {
    begin: (): void => begin(),
    heard: (): void => void (hasHeard = true),
    /** This tab sends something, and wants to know soon whether it arrives. */
    sent: (): void => {
      if (isAsking) hasSent = true;
      else if (!life.closed) begin();
    },
    end: (): void => life.unsubscribe(),
  };
}
