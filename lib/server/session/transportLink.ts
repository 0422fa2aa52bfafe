import { Observable, Subscription } from 'rxjs';
import type { Link, Frame } from '../../link/link.js';
import type { Report } from '../../session/sessionEvents.js';
import type { SessionTransport, TransportUser } from './transport.js';

/** A berth as a link that outlives its connections. */
export function transportLink(transport: SessionTransport, report: Report, moved: TransportUser['moved']): Link<Frame> {
  return (outgoing) =>
    // eslint-disable-next-line no-restricted-syntax -- each connection subscribes to what is sent, and the occupant of a berth is told of each
    new Observable((to) => {
      let line = Subscription.EMPTY;
      const user: TransportUser = {
        report,
        moved,
        connected() {
          line = new Subscription();
          line.add(
            outgoing.subscribe({
              next: (frame) => transport.send(frame),
              error: (error: unknown) => transport.fail(error),
              complete: () => transport.finish(),
            }),
          );
        },
        disconnected: () => line.unsubscribe(),
        receive: (frame) => to.next(frame),
        failed: (error) => to.error(error),
        ended: () => to.complete(),
      };
      to.add(() => {
        line.unsubscribe();
        transport.leave();
      });
      transport.use(user);
    });
}
