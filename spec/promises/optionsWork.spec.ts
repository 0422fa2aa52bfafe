import { envelopeProtocol } from '../../lib/wire/envelope/envelopeProtocol.js';
import type { Frame } from '../../lib/io/link.js';
import { memoryLink } from '../../lib/io/memoryLink.js';
import { webSocket } from '../../lib/io/webSocket.js';
import { memoryOutbox } from '../../lib/stores/memoryOutbox.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import { eventually } from '../support/eventually.js';
import { wireServer } from '../support/wireServer.js';
import { message } from '../wire/wires.js';

const open = (options: Partial<ConnectOptions>) => connect({ link: memoryLink<Frame>()[0], ...options });

describe('an option of connect either works, or is refused', () => {
  it.each([
    ['ackTimeout', 1_000],
    ['maxRetries', 3],
    ['maxHeld', 10],
    ['dedupeTtl', 1_000],
    ['dedupeSize', 10],
  ])('refuses "%s" with the session protocol, and says which protocol uses it', (name, value) => {
    expect(() => open({ [name]: value })).toThrow(
      new TypeError(`connect: "${name}" has an effect only with protocol: envelopeProtocol; remove it`),
    );
    open({ [name]: value, protocol: envelopeProtocol }).unsubscribe();
  });

  it.each([
    ['outbox', memoryOutbox()],
    ['inbox', {}],
    ['windowBytes', 1_000],
    ['overflow', 'error'],
    ['onDead', () => undefined],
    ['handshakeTimeout', 1_000],
    ['ackDelay', 0],
  ])('refuses "%s" with the envelope protocol, and says which protocol uses it', (name, value) => {
    expect(() => open({ [name]: value, protocol: envelopeProtocol })).toThrow(
      new TypeError(`connect: "${name}" has an effect only with protocol: sessionProtocol; remove it`),
    );
  });

  it('takes an option that is undefined for one that is absent', () => {
    open({ ackTimeout: undefined, maxRetries: undefined } as never).unsubscribe();
  });
});

it('listen uses the options of envelopes for the clients that speak them', async () => {
  const codes: string[] = [];
  const server = await wireServer((wire) => wire.errors$.subscribe(({ code }) => codes.push(code)), { maxHeld: 1 });
  const client = connect({ link: webSocket(server.url), protocol: envelopeProtocol });
  client.next(message('a'));
  client.next(message('b'));
  await eventually(() => expect(codes).toContain('ERR_OVERFLOW'));
  client.unsubscribe();
  await server.close();
});
