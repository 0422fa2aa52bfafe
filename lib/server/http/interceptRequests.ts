import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { fromEventPattern, type Observable } from 'rxjs';

/** A request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Emits the matching requests, and hides them from all other listeners of the server, earlier and later ones: Express would respond to
 * unknown requests.
 */
export function interceptRequests(server: Server, isOurs: (request: IncomingMessage) => boolean): Observable<Exchange> {
  const add = (handler: (exchange: Exchange) => void): (() => void) => {
    const own = Object.getOwnPropertyDescriptor(server, 'emit');
    const emit = (server as { readonly emit: (this: Server, ...args: unknown[]) => boolean }).emit;
    let isActive = true;
    const emitOthers = function (this: Server, name: unknown, ...args: unknown[]): boolean {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      if (!isActive || name !== 'request' || !isOurs(request)) return emit.call(this, name, ...args);
      handler({ request, response });
      return true;
    };
    server.emit = emitOthers as Server['emit'];
    return () => {
      isActive = false;
      // A later interceptor still calls this one, which stays and passes all requests on.
      if (server.emit !== emitOthers) return;
      if (own) Object.defineProperty(server, 'emit', own);
      else Reflect.deleteProperty(server, 'emit');
    };
  };
  return fromEventPattern<Exchange>(add, (_, remove: () => void) => remove());
}
