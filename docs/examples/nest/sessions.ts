import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Principal } from 'rxwire/server';

/** A user who is logged in. */
export interface User extends Principal {
  readonly name: string;
}

/** The sessions, which routes and wires share. An application uses its session store. */
export interface Sessions {
  /** Begins a session, and returns its `Set-Cookie` header. */
  readonly begin: (name: string) => string;
  /** Returns the user of a request, by its cookie. */
  readonly userOf: (request: Pick<IncomingMessage, 'headers'>) => User | undefined;
}

export function createSessions(): Sessions {
  const users = new Map<string, User>();
  return {
    begin(name) {
      const id = randomUUID();
      users.set(id, { id: name, name });
      // With TLS, add `; Secure`.
      return `session=${id}; Path=/; HttpOnly; SameSite=Strict`;
    },
    userOf: ({ headers: { cookie = '' } }) => users.get(/(?:^|;\s*)session=([^;]*)/.exec(cookie)?.[1] ?? ''),
  };
}
