import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Principal } from 'rxwire/server';

/** Who is logged in. */
export interface User extends Principal {
  readonly name: string;
}

/** Who is logged in, by their cookies: the one thing that routes and wires share. In an application of yours it is its session store. */
export interface Sessions {
  /** Begins a session; answers with the `Set-Cookie` that names it. */
  readonly begin: (name: string) => string;
  readonly userOf: (request: Pick<IncomingMessage, 'headers'>) => User | undefined;
}

export function createSessions(): Sessions {
  const users = new Map<string, User>();
  return {
    begin(name) {
      const id = randomUUID();
      users.set(id, { id: name, name });
      // Behind TLS: `; Secure`, too.
      return `session=${id}; Path=/; HttpOnly; SameSite=Strict`;
    },
    userOf: ({ headers: { cookie = '' } }) => users.get(/(?:^|;\s*)session=([^;]*)/.exec(cookie)?.[1] ?? ''),
  };
}
