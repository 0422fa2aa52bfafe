/** Floods a server from 127.0.0.2, over one connection after the other, in a process of its own: node flooder.mjs <port> <frame, as base64> <reads | deaf>. */
import { batch } from '../../support/sessionFrames.js';
import { over, webSocketFrame, welcomeAttacker } from '../../support/attacker.js';

const [port = '', frame = '', how = ''] = process.argv.slice(2);
const piece = over(65_536, Buffer.from(frame, 'base64'));
process.on('disconnect', () => process.exit());

for (;;) {
  // A client that is refused tries again at once.
  const welcomed = await welcomeAttacker(Number(port), {}, '127.0.0.2').catch(() => undefined);
  if (!welcomed) continue;
  const { socket, flood, code } = welcomed;
  socket.write(webSocketFrame(batch(1, 'a')));
  if (how === 'deaf') socket.pause();
  // Who is told that it is too much comes back at once.
  await Promise.race([flood(() => piece), code]);
  socket.destroy();
}
