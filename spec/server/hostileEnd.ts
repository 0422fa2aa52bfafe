import { concat, defer, from, type Observable } from 'rxjs';
import type { Frame, Link } from '../../lib/io/link.js';
import { longPolling } from '../../lib/io/longPolling.js';
import { serverSentEvents } from '../../lib/io/serverSentEvents.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { open, type RawEnd } from '../support/rawEnd.js';
import { fieldsOf, helloFrame } from '../support/sessionFrames.js';

const links = { websocket: webSocket, sse: serverSentEvents, 'long-polling': longPolling } as const;

export type Transport = keyof typeof links;

export const transports = Object.keys(links) as Transport[];

/** A client that keeps to no rule, over real sockets and requests, once what it sends goes out, or it was refused. What is said first opens a link. */
export async function dial(transport: Transport, url: string, ...first: readonly Frame[]): Promise<RawEnd> {
  return connected(links[transport](url), first);
}

function connected(link: Link<Frame>, first: readonly Frame[]): Promise<RawEnd> {
  return new Promise((resolve) => {
    const asked = (outgoing: Observable<Frame>): Observable<Frame> =>
      defer(() => {
        queueMicrotask(() => resolve(end));
        return concat(from(first), outgoing);
      });
    const end = open((outgoing) => link(asked(outgoing)));
    void end.code.then(() => resolve(end));
  });
}

/** One that is welcome, and has shown that it knows. */
export async function enter(transport: Transport, url: string, fields: object = {}) {
  const end = await dial(transport, url, helloFrame(fields));
  const [frame] = await end.frames.take(1);
  end.send('["ack",0,1024]');
  // Before this answer the server does not know that it is known.
  await end.frames.take(2);
  return { ...end, welcome: fieldsOf(frame) };
}
