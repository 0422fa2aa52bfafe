/**
 * npm run send: sends 1,000 readings. The exit code is 0 if the server has processed all of them, and 1 if it
 * refused one, or cannot be reached.
 */
import { connect, sendAll, webSocket } from 'rxwire';
import { takeReadings } from './messages.js';

const url = `ws://127.0.0.1:${process.env['PORT'] ?? 4870}/wire`;
const wire = connect({ link: webSocket(url), reconnect: { initialInterval: 100, maxRetries: 5 } });

let acked = 0;
// It rejects when a reading is given up. Node then prints the error, and ends with exit code 1.
await sendAll(wire, takeReadings(1_000)).forEach(() => void acked++);
const ended = wire.forEach(() => undefined);
wire.complete();
await ended;
console.log(`${acked} readings are acked`);
