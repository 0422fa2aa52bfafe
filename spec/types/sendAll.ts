import { Readable } from 'node:stream';
import { EMPTY, type Observable } from 'rxjs';
import { createMessage, sendAll, sendThrough, type Message, type Receipt, type Wire } from '../../lib/index.js';

declare const wire: Wire;
declare const stream: ReadableStream<Message>;
const messages$: Observable<Message<'execution.output'>> = EMPTY;
const said = createMessage('test.any', null);

export const receipts: readonly Observable<Receipt>[] = [
  sendAll(wire, [said]),
  sendAll(wire, new Set([said])),
  sendAll(wire, messages$, { ahead: 10, maxBuffered: 10, emitFailed: true }),
  sendAll(wire, Readable.from([said])),
  sendAll(wire, stream),
  messages$.pipe(sendThrough(wire, { ahead: 10 })),
];
export const loop: AsyncIterable<Receipt> = sendAll(wire, [said]);

// @ts-expect-error not messages
sendAll(wire, [1, 2]);
// @ts-expect-error one message is no source
sendAll(wire, said);
// @ts-expect-error a wire is needed
sendAll(messages$, [said]);
// @ts-expect-error no such option
sendAll(wire, [said], { window: 10 });
