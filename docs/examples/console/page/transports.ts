import { defer } from 'rxjs';
import { longPolling, serverSentEvents, webSocket, type DescribedLink, type Frame, type Link } from 'rxwire';

export type Transport = 'websocket' | 'sse' | 'long-polling';

export const transportNames: Readonly<Record<Transport, string>> = {
  websocket: 'WebSocket',
  sse: 'SSE',
  'long-polling': 'Polling',
};

export interface ChosenTransport {
  /** Opens each connection over the transport that is chosen then. */
  readonly link: Link<Frame> & DescribedLink;
  /** Takes effect at the next connection. */
  readonly choose: (transport: Transport) => void;
}

/** A link whose transport the user chooses. The session goes on over the next one. */
export function createTransports(url: string): ChosenTransport {
  const links: Readonly<Record<Transport, Link<Frame> & DescribedLink>> = {
    websocket: webSocket(url),
    sse: serverSentEvents(url),
    'long-polling': longPolling(url),
  };
  let chosen: Transport = 'websocket';
  const link: Link<Frame> = (outgoing) => defer(() => links[chosen](outgoing));
  const describe = (name: keyof DescribedLink): PropertyDescriptor => ({ enumerable: true, get: () => links[chosen][name] });
  return {
    link: Object.defineProperties(link, { protocol: describe('protocol'), endpoint: describe('endpoint') }),
    choose: (transport) => (chosen = transport),
  };
}
