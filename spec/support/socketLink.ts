import { Observable } from 'rxjs';
import { AcceptedSocket, type AcceptedSocketOptions, type ServerSocket } from '../../lib/io/acceptedSocket.js';
import type { Frame, Link } from '../../lib/io/link.js';

/** Makes a link of a socket that a server has accepted. */
export function socketLink(socket: ServerSocket, options: AcceptedSocketOptions = {}): Link<Frame> {
  return (outgoing) =>
    new Observable((to) => {
      const connection = new AcceptedSocket(socket, options);
      connection.begin(to);
      to.add(outgoing.subscribe(connection));
      to.add(connection);
    });
}
