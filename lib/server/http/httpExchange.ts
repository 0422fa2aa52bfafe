import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { fromEventPattern, type Observable } from 'rxjs';

/** The part of a request of Node that the server reads. Other runtimes provide the same. */
export type RequestHead = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>;
};

/** The part of a response of Node that the server writes. Other runtimes provide the same. */
export type ResponseWriter = Pick<
  ServerResponse,
  'headersSent' | 'destroyed' | 'closed' | 'writableEnded' | 'writableLength' | 'flushHeaders'
> & {
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
  write(text: string): unknown;
  end(body?: Uint8Array): unknown;
  destroy(): unknown;
  on(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
};

/** Emits when the client has received the response, or has disconnected. */
export function closeOf(response: ResponseWriter): Observable<unknown> {
  return fromEventPattern(
    (listener) => response.on('close', listener),
    (listener) => response.off('close', listener),
  );
}
