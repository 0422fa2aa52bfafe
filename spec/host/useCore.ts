import { coreSession } from '../../lib/host/clientSession.js';
import { ServedSessions } from '../../lib/host/server/servedSessions.js';
import { serverSessions } from '../../lib/server/session/serverSessions.js';
import { countedSession } from '../../lib/session/session.js';
import { sessions } from '../../lib/wire/connect.js';

/** From now on, wires without stores, and all servers, of this spec file use the session core. */
export function useCore(): void {
  sessions.create = (codec, options, traffic) =>
    (options.outbox ?? options.inbox) ? countedSession(codec, options, traffic) : coreSession(codec, options, traffic);
  serverSessions.create = (options) => new ServedSessions(options);
}
