import { createServer } from 'node:http';
import { of } from 'rxjs';
import { listen, type Principal } from '../../lib/server/index.js';
import type { DeadLetterStore } from '../../lib/stores/deadLetterStore.js';
import { memoryDeadLetters } from '../../lib/stores/memoryDeadLetters.js';

interface User extends Principal {
  readonly roles: readonly string[];
}
const server = createServer();
declare const find: () => User | undefined;

// Whose a wire is follows from what `authenticate` answers with, however it does.
listen(server, { authenticate: find }).subscribe(({ principal }) => principal.roles satisfies readonly string[]);
listen(server, { authenticate: () => Promise.resolve(find()) }).subscribe(({ principal }) => principal satisfies User);
listen(server, { authenticate: () => of(find()) }).subscribe(({ principal }) => principal satisfies User);

// Where nobody is asked it is nobody's.
listen(server).subscribe(({ principal }) => principal satisfies undefined);

// @ts-expect-error -- a principal has an id
listen(server, { authenticate: () => ({ roles: [] }) });
// @ts-expect-error -- there is always a request, and it may have no token
listen(server, { authenticate: ({ token }) => ({ id: token.slice(1) }) });

listen(server, { deadLetters: memoryDeadLetters() }).subscribe(({ deadLetters }) => deadLetters satisfies DeadLetterStore);
// @ts-expect-error -- the store, not the function that makes it
listen(server, { deadLetters: memoryDeadLetters });
// @ts-expect-error -- `deadLetter` is for protocols, not for applications
listen(server, { deadLetter: () => undefined });
