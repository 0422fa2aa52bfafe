import { ServedSessions } from '../../lib/host/server/servedSessions.js';
import { serverSessions } from '../../lib/server/session/serverSessions.js';

/** From now on, all servers of this spec file use the session core. */
export function useCore(): void {
  serverSessions.create = (options) => new ServedSessions(options);
}
