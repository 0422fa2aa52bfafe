/** The page of leaving.spec.ts. It writes ten messages at the moment when it goes away. */
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';

const links = { webSocket, serverSentEvents, longPolling };
export type Transport = keyof typeof links;

const asked = new URLSearchParams(location.search);
const transport = asked.get('transport') as Transport | null;
if (transport !== null) {
  const wire = connect({ link: links[transport](asked.get('url')!) });
  wire.subscribe();
  wire.state$.subscribe(({ status }) => Object.assign(window, { wireStatus: status }));
  addEventListener('pagehide', () => {
    for (let number = 1; number <= 10; number++) wire.next(createMessage('test.count', number));
  });
}

declare global {
  interface Window {
    readonly wireStatus: string;
  }
}
