/** The page of liveness.spec.ts: a wire that would not try again for a minute. Its address says where to. */
import { webSocket } from '../../lib/io/webSocket.js';
import { connect } from '../../lib/wire/connect.js';
import type { ConnectionState } from '../../lib/wire/connectionState.js';

const events: string[] = [];
for (const name of ['online', 'offline']) window.addEventListener(name, () => events.push(name));

const wire = connect({
  link: webSocket(new URLSearchParams(location.search).get('url')!),
  reconnect: { initialInterval: 60_000, jitter: 0 },
});
const states: ConnectionState[] = [];
wire.state$.subscribe((state) => states.push(state));
wire.subscribe();

const toolbox = {
  /** Whether the wire is as it is told. */
  is: (status: string, isOffline: boolean) => wire.state.status === status && (wire.state.isOffline ?? false) === isOffline,
  /** Whether its last state said the same to who looks. */
  said: (isOffline: boolean) => (states.at(-1)?.isOffline ?? false) === isOffline,
  happened: (name: string) => events.includes(name),
};

export type LivenessToolbox = typeof toolbox;

declare global {
  interface Window {
    readonly livenessPage: LivenessToolbox;
  }
}
Object.assign(window, { livenessPage: toolbox });
