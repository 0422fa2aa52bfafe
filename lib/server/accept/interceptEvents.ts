import type { Server } from 'node:http';
import { fromEventPattern, type Observable } from 'rxjs';

/**
 * Emits the arguments of the matching events of a server, and hides these events from all other
 * listeners of the server, earlier and later ones.
 */
export function interceptEvents<A extends readonly unknown[]>(
  server: Server,
  event: string,
  isOurs: (...args: A) => boolean,
): Observable<A> {
  const add = (handler: (args: A) => void): (() => void) => {
    const own = Object.getOwnPropertyDescriptor(server, 'emit');
    const emit = (server as { readonly emit: (this: Server, ...args: unknown[]) => boolean }).emit;
    let isActive = true;
    const emitOthers = function (this: Server, name: unknown, ...args: unknown[]): boolean {
      if (!isActive || name !== event || !isOurs(...(args as unknown as A))) return emit.call(this, name, ...args);
      handler(args as unknown as A);
      return true;
    };
    server.emit = emitOthers as Server['emit'];
    return () => {
      isActive = false;
      // A later interceptor still calls this one, which stays and passes all events on.
      if (server.emit !== emitOthers) return;
      if (own) Object.defineProperty(server, 'emit', own);
      else Reflect.deleteProperty(server, 'emit');
    };
  };
  return fromEventPattern<A>(
    (handler: (args: A) => void) => add(handler),
    (_, remove: () => void) => remove(),
  );
}
