import type { IncomingMessage } from 'node:http';
import { map, of, throwError, type Observable } from 'rxjs';
import type { ServedLink } from '../serverOptions.js';
import { StatusError } from './statusError.js';

/** Binds a link over requests to its client: the id alone gives no access. */
export interface LinkOwnership {
  readonly onIdentified: NonNullable<ServedLink['onIdentified']>;
  /**
   * Emits if a request may use the link.
   * @throws {StatusError} Delivered, if it may not: 404, as
   * for an unknown link.
   */
  readonly check: (request: IncomingMessage) => Observable<void>;
}

/** Header fields that vary between the requests of one client and do not identify it. */
const VOLATILE =
  /^(accept|connection|content-.*|host|origin|pragma|cache-control|priority|rxwire-.*|sec-fetch-.*|transfer-encoding|via|x-forwarded-.*|x-real-ip|x-request-id)$/;

/** @param opening The request that opened the link. */
export function createLinkOwnership(opening: IncomingMessage): LinkOwnership {
  let credentials = credentialsOf(opening);
  let identified: Parameters<LinkOwnership['onIdentified']> | undefined;
  return {
    onIdentified: (...all) => void (identified = all),
    check(request) {
      const now = credentialsOf(request);
      // The same credentials need no further authentication.
      if (now === credentials) return of(undefined);
      if (!identified) return throwError(() => new StatusError(404));
      const [owner, identify] = identified;
      return identify(request).pipe(
        map((principal) => {
          if (principal?.id !== owner?.id) throw new StatusError(404);
          credentials = now;
        }),
      );
    },
  };
}

function credentialsOf({ headers }: IncomingMessage): string {
  return JSON.stringify(Object.entries(headers).filter(([name]) => !VOLATILE.test(name)));
}
