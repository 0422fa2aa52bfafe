import { randomBytes } from 'node:crypto';

/** What docs/protocol.md calls a secret. */
export const secret = (): string => randomBytes(24).toString('base64url');

/** A hello as it travels, of a client that nobody knows. */
export function helloFrame(fields: object = {}): string {
  const hello = {
    v: 1,
    pid: secret(),
    epoch: 1,
    n: 1,
    window: 1_024,
    bytes: 1_048_576,
    codecs: ['json'],
    id: 'mallory',
    delivery: 'at-least-once',
  };
  return JSON.stringify(['hello', { ...hello, ...fields }]);
}

/** A welcome as it travels, to the first hello of a client. */
export function welcomeFrame(fields: object = {}): string {
  const session = { n: 1, sid: secret(), rt: secret(), rx: 0, known: false, resumed: false };
  const terms = { window: 1_024, bytes: 1_048_576, ping: 15_000, codec: 'json', id: 'mallory' };
  return JSON.stringify(['welcome', { ...session, ...terms, ...fields }]);
}

/** The fields of a hello or welcome that has come. */
export function fieldsOf(frame: unknown): Readonly<Record<string, unknown>> {
  return (JSON.parse(frame as string) as [string, Record<string, unknown>])[1];
}

/** A batch as it travels; its messages have these ids. */
export function batch(first: number, ...ids: readonly string[]): string {
  const messages = ids.map((id) => ({ id, type: 'test.any', timestamp: 0, version: '1.0', source: '', payload: null }));
  return `["msg",${first},${ids.length},${JSON.stringify(messages.length === 1 ? messages[0] : messages)}]`;
}
