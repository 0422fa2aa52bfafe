/** The page of tabs.spec.ts: one of several tabs with one connection. Its address says where to. */
import { sharedLink } from '../../lib/io/sharedLink.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { connect } from '../../lib/wire/connect.js';

const asked = new URLSearchParams(location.search);
const id = asked.get('id')!;
let opened = 0;
/** Counts the sockets of this tab. */
class CountedWebSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    opened++;
    this.addEventListener('close', () => opened--);
  }
}
const socket = webSocket(asked.get('url')!, { WebSocket: CountedWebSocket as never });
const link = sharedLink('app', socket, asked.has('alone') ? { locks: false } : {});
const wire = connect({ link, id, reconnect: { initialInterval: 300 } });
let sent = 0;
let acked = 0;
const answers: unknown[] = [];
wire.subscribe(({ payload }) => answers.push(payload));

const tabsPage = {
  status: () => wire.state.status,
  sockets: () => opened,
  counts: () => ({ sent, acked, answers }),
  /** Sends messages, and forgets about them. */
  send: (count: number) => {
    for (let index = 0; index < count; index++) {
      void wire.send(createMessage('test.said', [id, ++sent])).then(() => acked++);
    }
  },
  /** Does nothing else for a while. */
  hang: (ms: number) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  },
};
declare global {
  interface Window {
    readonly tabsPage: typeof tabsPage;
  }
}
Object.assign(window, { tabsPage });
