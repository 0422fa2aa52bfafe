import { ServedSessions } from '../../lib/host/server/servedSessions.js';
import { Registry } from '../../lib/server/session/registry.js';
import { serverSessions } from '../../lib/server/session/serverSessions.js';

/** From now on, wires and servers without stores of this spec file use the session core. */
export function useCore(): void {
  serverSessions.create = (options) =>
    (options.inbox ?? options.outbox ?? options.cluster) ? new Registry(options) : new ServedSessions(options);
}
