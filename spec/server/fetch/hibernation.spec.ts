import { jest } from '@jest/globals';
import { Observable, VirtualTimeScheduler, type Subscription } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Frame } from '../../../lib/io/link.js';
import { fetchHandler, type FetchHandlerOptions } from '../../../lib/server/fetch/fetchHandler.js';
import { hibernate, type HibernationState } from '../../../lib/server/fetch/hibernation.js';
import type { AnyWire } from '../../../lib/server/principal.js';
import { eventually } from '../../support/eventually.js';
import { record } from '../../support/record.js';
import { helloFrame } from '../../support/sessionFrames.js';

/** A WebSocket that workerd has accepted for an object that hibernates. */
class FakeSocket {
  binaryType = 'blob';
  readyState = 1;
  readonly sent: unknown[] = [];
  attachment: unknown = null;

  send(frame: unknown): void {
    if (this.readyState !== 1) throw new TypeError('the socket is closed');
    this.sent.push(frame);
  }
  close(code?: number): void {
    this.readyState = 3;
    this.sent.push(code);
  }
  addEventListener(): void {
    throw new Error('the methods of the object receive the events');
  }
  serializeAttachment(value: unknown): void {
    this.attachment = value;
  }
  deserializeAttachment(): unknown {
    return this.attachment;
  }
}

class FakePair {
  readonly 0 = {};
  readonly 1 = new FakeSocket();
}

class FakeRequestResponsePair {
  constructor(
    readonly request: string,
    readonly response: string,
  ) {}
}

/** The state of an object with these sockets. */
class FakeState implements HibernationState {
  responses: unknown;
  constructor(readonly sockets: FakeSocket[] = []) {}
  acceptWebSocket(socket: unknown, tags: readonly string[]): void {
    expect(tags).toEqual(['rxwire /wire']);
    this.sockets.push(socket as FakeSocket);
  }
  getWebSockets(tag: string): readonly unknown[] {
    expect(tag).toBe('rxwire /wire');
    return [...this.sockets];
  }
  setWebSocketAutoResponse(pair: unknown): void {
    this.responses = pair;
  }
}

describe('hibernate', () => {
  beforeAll(() => void Object.assign(globalThis, { WebSocketRequestResponsePair: FakeRequestResponsePair }));
  afterAll(() => void Reflect.deleteProperty(globalThis, 'WebSocketRequestResponsePair'));
  const accepted = () => {
    const [socket, state] = [new FakeSocket(), new FakeState()];
    const { accept, handlers } = hibernate(state, '/wire', 8);
    const connection = accept(socket, { maxFrame: 1_000, onClosed: () => undefined });
    return { socket, state, handlers, received: record(new Observable<Frame>((to) => connection.begin(to))) };
  };

  it('lets the runtime answer the pings of idle clients', () => {
    expect(accepted().state.responses).toEqual({ request: '["ping",0]', response: '["ack",0,8]' });
  });

  it('passes the frames and the end of a socket on, and ignores sockets of others', async () => {
    const { socket, handlers, received } = accepted();
    handlers.webSocketMessage(new FakeSocket(), 'other');
    handlers.webSocketClose(new FakeSocket(), 1_000, '');
    handlers.webSocketMessage(socket, 'text');
    handlers.webSocketMessage(socket, Uint8Array.of(1).buffer);
    expect(received.values).toEqual(['text', Uint8Array.of(1)]);
    handlers.webSocketClose(socket, 1_001, 'bye');
    expect(await received.ended).toMatchObject({ closeCode: 1_001 });
  });

  it('ends a connection whose socket has failed', async () => {
    const { socket, handlers, received } = accepted();
    const cause = new Error('reset');
    handlers.webSocketError(new FakeSocket(), cause);
    handlers.webSocketError(socket, cause);
    expect(await received.ended).toMatchObject({ closeCode: 1_006, cause });
  });

  it('marks a session whose client has answered the welcome', () => {
    const [session, envelopes] = [accepted(), accepted()];
    session.handlers.webSocketMessage(session.socket, helloFrame());
    expect(session.socket.attachment).toBeNull();
    session.handlers.webSocketMessage(session.socket, '["ack",0,8]');
    envelopes.handlers.webSocketMessage(envelopes.socket, '{}');
    envelopes.handlers.webSocketMessage(envelopes.socket, '{}');
    expect([session.socket.attachment, envelopes.socket.attachment]).toEqual([true, null]);
  });

  it('closes the sockets of an earlier instance, and asks the clients of sessions to return at different times', () => {
    const sockets = [true, null, true, true].map((attachment) => Object.assign(new FakeSocket(), { attachment }));
    if (sockets[2]) sockets[2].readyState = 3;
    hibernate(new FakeState(sockets), '/wire', 8);
    expect(sockets.map(({ sent }) => sent)).toEqual([['["bye",0]', 1_012], [1_012], [], ['["bye",3]', 1_012]]);
  });
});

describe('fetchHandler with hibernation', () => {
  let subscription: Subscription | undefined;
  beforeAll(() => void Object.assign(globalThis, { WebSocketPair: FakePair, WebSocketRequestResponsePair: FakeRequestResponsePair }));
  afterAll(() => ['WebSocketPair', 'WebSocketRequestResponsePair'].forEach((name) => void Reflect.deleteProperty(globalThis, name)));
  afterEach(() => subscription?.unsubscribe());

  it('serves a WebSocket, and sets no timer while its client is idle', async () => {
    const [state, scheduler] = [new FakeState(), new VirtualTimeScheduler()];
    const options: FetchHandlerOptions = { hibernation: state, scheduler };
    const { wires$, fetch, hibernation } = fetchHandler(options);
    const wires: AnyWire[] = [];
    subscription = wires$.subscribe((wire) => {
      wires.push(wire);
      wire.subscribe(({ payload }) => wire.next(createMessage('echoed', payload)));
    });
    // Node refuses to create a response with the status 101.
    expect(() => fetch(new Request('http://127.0.0.1/wire', { headers: { upgrade: 'websocket' } }))).toThrow('status');
    const [socket] = state.sockets as [FakeSocket];
    hibernation.webSocketMessage(socket, helloFrame());
    await eventually(() => expect(socket.sent).toHaveLength(1));
    hibernation.webSocketMessage(socket, `["msg",1,1,${String(json().encode([createMessage('said', 1)]))}]`);
    await eventually(() => expect(socket.sent.join()).toContain('echoed'));
    hibernation.webSocketMessage(socket, '["ack",1,8]');
    scheduler.flush();
    expect([scheduler.actions, socket.readyState, wires.length]).toEqual([[], 1, 1]);
  });

  it('counts no connection whose socket the runtime does not accept, and passes its error on', () => {
    const state = new FakeState();
    const accept = jest.spyOn(state, 'acceptWebSocket');
    const { wires$, fetch } = fetchHandler({ hibernation: state, maxConnections: 1 });
    subscription = wires$.subscribe();
    const connect = (): unknown => fetch(new Request('http://127.0.0.1/wire', { headers: { upgrade: 'websocket' } }));
    for (let attempt = 0; attempt < 2; attempt++) {
      accept.mockImplementationOnce(() => {
        throw new Error('too many sockets');
      });
      expect(connect).toThrow('too many sockets');
    }
    // Node refuses to create a response with the status 101.
    expect(connect).toThrow('status');
    expect(state.sockets).toHaveLength(1);
  });
});
