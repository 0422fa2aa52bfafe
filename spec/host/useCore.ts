import { coreSession } from '../../lib/host/clientSession.js';
import { ServedSessions } from '../../lib/host/server/servedSessions.js';
import { Registry } from '../../lib/server/session/registry.js';
import { serverSessions } from '../../lib/server/session/serverSessions.js';
import { countedSession } from '../../lib/session/session.js';
import { sessions } from '../../lib/wire/connect.js';

/** From now on, wires and servers without stores of this spec file use the session core. */
export function useCore(): void {
  sessions.create = (codec, options, traffic) =>
    (options.outbox ?? options.inbox) ? countedSession(codec, options, traffic) : coreSession(codec, options, traffic);
  serverSessions.create = (options) =>
    (options.inbox ?? options.outbox ?? options.cluster) ? new Registry(options) : new ServedSessions(options);
}
