import { VirtualTimeScheduler } from 'rxjs';

/** A clock that begins as the date, and passes only when it is told to. */
export function virtualClock() {
  const scheduler = new VirtualTimeScheduler();
  const wait = (ms: number): void => {
    scheduler.schedule(() => undefined, ms);
    scheduler.flush();
  };
  wait(Date.now());
  return { scheduler, wait };
}
