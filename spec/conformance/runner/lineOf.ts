import type { WebSocket } from 'ws';
import { bytesOf } from '../../../lib/io/webSocketLike.js';
import { Line } from './line.js';

/** Returns the line over a socket of the package `ws`, on either side. */
export function lineOf(socket: WebSocket): Line {
  const line = new Line();
  socket.binaryType = 'arraybuffer';
  socket.on('error', () => undefined);
  socket.on('message', (data, isBinary) => line.receive(isBinary ? bytesOf(data as ArrayBuffer) : (data as Buffer).toString()));
  socket.on('close', line.closed);
  line.carrier = {
    send: (frame) => socket.send(frame),
    close: (code) => (code === undefined ? socket.terminate() : socket.close(code)),
  };
  return line;
}
