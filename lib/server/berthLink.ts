import { Observable, Subscription } from 'rxjs';
import type { Link, Frame } from '../link/link.js';
import type { Report } from '../session/events.js';
import type { Berth, Occupant } from './berth.js';

/** A berth as a link that outlives its connections. */
export function berthLink(berth: Berth, report: Report, moved: Occupant['moved']): Link<Frame> {
  return (outgoing) =>
    // eslint-disable-next-line no-restricted-syntax -- each connection subscribes to what is sent, and the occupant of a berth is told of each
    new Observable((to) => {
      let line = Subscription.EMPTY;
      const occupant: Occupant = {
        ...{ report, moved },
        connected() {
          line = new Subscription();
          line.add(
            outgoing.subscribe({
              next: (frame) => berth.send(frame),
              error: (error: unknown) => berth.fail(error),
              complete: () => berth.finish(),
            }),
          );
        },
        disconnected: () => line.unsubscribe(),
        next: (frame) => to.next(frame),
        error: (error: unknown) => to.error(error),
        complete: () => to.complete(),
      };
      to.add(() => {
        line.unsubscribe();
        berth.leave();
      });
      berth.occupy(occupant);
    });
}
