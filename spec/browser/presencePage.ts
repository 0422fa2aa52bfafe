/** The page of presence.spec.ts: a member of a channel. Without an address it joins nothing. */
import { webSocket } from '../../lib/io/webSocket.js';
import { channel } from '../../lib/operators/channels/channel.js';
import { connect } from '../../lib/wire/connect.js';
import { outboxOf } from './pageSupport.js';

const asked = new URLSearchParams(location.search);
const url = asked.get('url');
if (url !== null) {
  const durable = asked.get('durable') === 'true' && { outbox: outboxOf('localStorage') };
  const room = channel(connect({ link: webSocket(url), ...durable }), 'room.1');
  const received: unknown[] = [];
  room.subscribe(({ payload }) => received.push(payload));
  room.updatePresence({ caret: 7 });
  Object.assign(window, { received });
}

declare global {
  interface Window {
    readonly received: readonly unknown[];
  }
}
