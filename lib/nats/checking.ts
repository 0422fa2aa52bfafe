import { exhaustMap, ignoreElements, timer, type Observable } from 'rxjs';
import type { Broker } from './broker.js';
import type { Epochs, Era } from './epochs.js';
import type { Place } from './settle.js';

interface Looks {
  readonly meet: (era: Era) => void;
  readonly place: () => Place | undefined;
}

/** Looks now and then whether the mark of the epoch is still there, and writes it again before it goes with what is old. */
export function checking(broker: Broker, epochs: Epochs, { meet, place }: Looks): Observable<never> {
  const { checkInterval, scheduler, maxAge, maxTotalBytes } = broker;
  const check = async (): Promise<void> => {
    const era = await epochs.current();
    meet(era);
    const isOld = scheduler.now() - era.at > maxAge / 4;
    const isDeep = (place()?.bytes ?? 0) > maxTotalBytes / 4;
    if (isOld || isDeep) await epochs.refresh(era);
  };
  return timer(checkInterval, checkInterval, scheduler).pipe(exhaustMap(check), ignoreElements());
}
