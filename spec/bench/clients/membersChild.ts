/** Members of a channel: node membersChild.mjs <kind> <URL of the server> <how many>. */
import { once } from 'node:events';
import { filter, firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { channel, connect, msgpack, webSocket } from '../../../lib/index.js';
import { openSocketIo } from './clients.js';
import type { MembersReport } from './members.js';

/** Connections that are opened at once. */
const AT_ONCE = 50;

/** Opens a connection that calls back with each message, and resolves when it receives what is published. */
export type Join = (url: string, onMessage: () => void) => Promise<unknown>;

const joins: Readonly<Record<string, Join>> = {
  async channel(url, onMessage) {
    const room = channel(connect({ link: webSocket(url), codec: msgpack() }), 'room');
    room.subscribe(onMessage);
    await firstValueFrom(room.state$.pipe(filter(({ status }) => status === 'joined')));
  },
  async socket(url, onMessage) {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.on('message', onMessage);
    await once(socket, 'open');
  },
  async socketIo(url, onMessage) {
    (await openSocketIo(url)).on('message', onMessage);
  },
};

const [kind = '', url = '', members = ''] = process.argv.slice(2);
const join = joins[kind];
if (!join) throw new RangeError(`no members of "${kind}"`);
const count = Number(members);

const report = (message: MembersReport): void => void process.send?.(message);
process.on('disconnect', () => process.exit());
let received = 0;
const onMessage = (): void => {
  // Each member receives every message once, in order: the sum is a multiple of the members when all have received the last one.
  if (++received % count === 0) report({ kind: 'received', value: received / count });
};
for (let joined = 0; joined < count; joined += AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - joined) }, () => join(url, onMessage)));
report({ kind: 'ready', value: true });
