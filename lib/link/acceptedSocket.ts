import { asyncScheduler, Observable, type Subscriber } from 'rxjs';
import { ConnectionLostError } from '../errors.js';
import { ABANDONED, NORMAL, SLOW_READER } from './closeCode.js';
import { closeFor, explainClose, type CloseEvent, type WebSocketLike } from './guardedSocket.js';
import type { Frame, Link } from './link.js';
import type { SocketOptions } from './socket.js';
import { createRoomCheck } from './stall.js';

/**
 * A link over a socket that a server has accepted: it is open already, and can be subscribed once. By hand, and not over `rxjs-websockets` as
 * {@link socketLink}: a server has thousands of them, and that takes 16 KiB for each.
 */
export function acceptedSocket(socket: WebSocketLike, options: Omit<SocketOptions, 'openTimeout'> = {}): Link<Frame> {
  return (outgoing) =>
    new Observable((to) => {
      carry(socket, outgoing, to, options);
    });
}

function carry(
  socket: WebSocketLike,
  outgoing: Observable<Frame>,
  to: Subscriber<Frame>,
  { scheduler = asyncScheduler, ...options }: Omit<SocketOptions, 'openTimeout'>,
): void {
  let failure: unknown;
  let goodbye: readonly [code: number, reason: string] = [ABANDONED, ''];
  const checkRoom = createRoomCheck(options, scheduler, () => socket.bufferedAmount);
  const refuse = (error: unknown): void => {
    if (error instanceof ConnectionLostError) goodbye = [error.closeCode, error.reason];
    to.error(error);
  };
  const send = (frame: Frame): void => {
    if (to.closed) return;
    try {
      checkRoom();
      socket.send(frame);
    } catch (error) {
      refuse(error);
    }
  };

  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }: { readonly data: unknown }) =>
    to.next(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
  // An error says nothing that the close event, which always follows, does not say better.
  socket.onerror = (event: { readonly error?: unknown }) => void (failure = event.error);
  socket.onclose = (event: CloseEvent) => {
    const error = explainClose(event, failure);
    if (error) to.error(error);
    else to.complete();
  };
  to.add(outgoing.subscribe({ next: send, error: refuse, complete: () => socket.close(NORMAL) }));
  to.add(() => {
    // Who reads too slowly will not read a close frame either.
    if (goodbye[0] === SLOW_READER && socket.terminate) socket.terminate();
    else closeFor(socket, ...goodbye);
  });
}
