/**
 * Opens connections to a server, and says hello over each, in a process of its own: node helloFlooder.mjs <port> <connections a second, or Infinity>
 * <addresses, from 127.0.0.2 on>. Each connection ends when the server has answered; with several addresses, a moment after it has confirmed its welcome.
 */
import { connect } from 'node:net';
import { UPGRADE, webSocketFrame } from '../../support/attacker.js';
import { helloFrame } from '../../support/sessionFrames.js';

const [port = '', rate = '', addresses = '1'] = process.argv.slice(2);
const isConfirmed = Number(addresses) > 1;
const perSecond = Number(rate);
process.on('disconnect', () => process.exit());

/** How often connections are opened, in ms. */
const TICK = 10;
/** The number of connections at once, without a rate. */
const AT_ONCE = 64;
/** The first byte of a text frame: of the welcome. */
const TEXT = 0x81;
/** How long a connection stays open after its welcome is confirmed, in ms. */
const STAY = 50;
const upgrade = Buffer.from(UPGRADE);
const confirmation = webSocketFrame('["ack",0,1024]');
let turn = 0;

function hello(onEnd: () => void): void {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: `127.0.0.${2 + (turn++ % Number(addresses))}` });
  let answers = 0;
  socket.on('connect', () => void socket.write(upgrade));
  socket.on('data', (data) => {
    // Upgraded, and then welcome; or refused.
    if (++answers === 1 && data.includes('101')) socket.write(webSocketFrame(helloFrame()));
    else if (!isConfirmed || answers > 2 || data[0] !== TEXT) socket.destroy();
    else {
      socket.write(confirmation);
      setTimeout(() => socket.destroy(), STAY);
    }
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
