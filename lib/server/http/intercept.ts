import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { fromEventPattern, type Observable } from 'rxjs';

/** A request, and what will be the answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * The requests that are for us; nobody else who listens to the server gets those, whether they began to listen before or later: Express would
 * answer what it does not know.
 */
export function intercept(server: Server, isOurs: (request: IncomingMessage) => boolean): Observable<Exchange> {
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
      // Whoever has come after us still calls us: then we stay, and do nothing.
      if (server.emit !== emitOthers) return;
      if (own) Object.defineProperty(server, 'emit', own);
      else Reflect.deleteProperty(server, 'emit');
    };
  };
  return fromEventPattern<Exchange>(add, (_, remove: () => void) => remove());
}
