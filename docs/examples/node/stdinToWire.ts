/** cat access.log | npx tsx stdinToWire.ts [url]: sends stdin over a wire, as fast as the other side reads it. */
import { pipeline } from 'node:stream/promises';
import { connect, msgpack, webSocket } from 'rxwire';
import { wireDuplex } from 'rxwire/node';

const [url = 'ws://127.0.0.1:4870/wire'] = process.argv.slice(2);
const wire = connect({ link: webSocket(url), codec: msgpack() });

try {
  // It resolves when the other side has read all bytes, also over a connection that was lost in between.
  await pipeline(process.stdin, wireDuplex(wire, 'stdin'));
} catch (error) {
  // As when the other side has closed its output: the rest was not read.
  console.error((error as Error).message);
  process.exitCode = 1;
}
wire.complete();
