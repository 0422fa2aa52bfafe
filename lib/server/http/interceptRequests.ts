import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { map, type Observable } from 'rxjs';
import { interceptEvents } from '../accept/interceptEvents.js';
import { createExchange, type ReceivedExchange } from './exchange.js';

/**
 * Emits the matching requests, and hides them from all other listeners of the server: Express would
 * respond to unknown requests.
 */
export function interceptRequests(server: Server, isOurs: (request: IncomingMessage) => boolean): Observable<ReceivedExchange> {
  return interceptEvents<[IncomingMessage, ServerResponse]>(server, 'request', isOurs).pipe(
    map(([request, response]) => createExchange(request, response)),
  );
}
