/** Returns a frame without the ack that it carries, and behind it this ack (docs/protocol.md, section 6). */
export function splitAck(text: string): readonly unknown[] {
  const frame = JSON.parse(text) as readonly unknown[];
  if (frame[0] !== 'ackmsg') return [frame];
  const [, done, credit, , , first, count, body] = frame;
  return [
    ['msg', first, count, body],
    ['ack', done, credit],
  ];
}
