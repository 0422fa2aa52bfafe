import { ProtocolError } from '../../errors.js';
import type { Frame } from '../../link/link.js';
import { readFrame } from '../../session/frames.js';
import { parseHello, type Hello } from '../../session/handshake.js';

/** Whether a connection that begins with this frame speaks the session protocol. */
export function isSessionFrame(frame: Frame): boolean {
  return typeof frame === 'string' && frame.startsWith('["hello",');
}

/** Characters that a hello may have: some of it is kept for as long as the connection. A token of 8,192 fits in, however it is written. */
const MAX_HELLO = 64 * 1024;

/** The hello that a connection began with. @throws {ProtocolError} When it is none. */
export function readHello(first: Frame): Hello {
  if (first.length > MAX_HELLO) throw new ProtocolError('a hello of more than 65,536 characters');
  const frame = readFrame(first);
  if (frame.kind !== 'hello') throw new ProtocolError(`a ${frame.kind} before the hello`);
  return parseHello(frame.value);
}
