import { Observable, Subscription } from 'rxjs';
import type { Link, Frame } from '../../link/link.js';
import type { Report } from '../../session/sessionEvents.js';
import type { SessionTransport, TransportUser } from '../../server/session/transport.js';

/** Returns the transport of a session as a link that outlives its connections. */
export function transportLink(transport: SessionTransport, report: Report, moved: TransportUser['moved']): Link<Frame> {
  return (outgoing) =>
    // eslint-disable-next-line no-restricted-syntax -- each connection subscribes to `outgoing`, and the transport reports each connection
    new Observable((to) => {
      let sending = Subscription.EMPTY;
      const user: TransportUser = {
        report,
        moved,
        connected() {
          sending = new Subscription();
          sending.add(
            outgoing.subscribe({
              next: (frame) => transport.send(frame),
              error: (error: unknown) => transport.fail(error),
              complete: () => transport.finish(),
            }),
          );
        },
        disconnected: () => sending.unsubscribe(),
        receive: (frame) => to.next(frame),
        failed: (error) => to.error(error),
        ended: () => to.complete(),
      };
      to.add(() => {
        sending.unsubscribe();
        transport.leave();
      });
      transport.use(user);
    });
}
