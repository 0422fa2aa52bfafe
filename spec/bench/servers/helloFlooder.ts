/**
 * Opens connections to a server from 127.0.0.2, and says hello over each, in a process of its own: node helloFlooder.mjs <port> <connections a second, or Infinity>.
 * Each connection ends when the server has answered.
 */
import { connect } from 'node:net';
import { UPGRADE, webSocketFrame } from '../../support/attacker.js';
import { helloFrame } from '../../support/sessionFrames.js';

const [port = '', rate = ''] = process.argv.slice(2);
const perSecond = Number(rate);
process.on('disconnect', () => process.exit());

/** How often connections are opened, in ms. */
const TICK = 10;
/** The number of connections at once, without a rate. */
const AT_ONCE = 64;
const upgrade = Buffer.from(UPGRADE);

function hello(onEnd: () => void): void {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: '127.0.0.2' });
  let answers = 0;
  socket.on('connect', () => void socket.write(upgrade));
  socket.on('data', (data) => {
    // Upgraded, and then welcome; or refused.
    if (++answers === 1 && data.includes('101')) socket.write(webSocketFrame(helloFrame()));
    else socket.destroy();
  });
  socket.on('error', () => undefined);
  socket.on('close', onEnd);
}

const again = (): void => hello(again);
if (perSecond === Infinity) for (let count = 0; count < AT_ONCE; count++) again();
else {
  const begun = performance.now();
  let opened = 0;
  setInterval(() => {
    for (; opened < ((performance.now() - begun) * perSecond) / 1_000; opened++) hello(() => undefined);
  }, TICK);
}
