import { WebSocket, WebSocketServer } from 'ws';
import { noop } from 'rxjs';
import { createMessage, type Message } from '../../../../lib/index.js';
import type { Peer } from '../peer.js';
import { httpServer, itemOf } from './ws.js';

const SCHEMA = `
  type Query { ping: Boolean }
  type Mutation { send(id: String!, timestamp: Float!, payload: String!): Boolean }
`;
const SEND =
  'mutation Send($id: String!, $timestamp: Float!, $payload: String!) { send(id: $id, timestamp: $timestamp, payload: $payload) }';

async function openClient(url: string, retryAttempts: number) {
  const { createClient } = await import('graphql-ws');
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts,
    ...(retryAttempts > 0 && { shouldRetry: () => true }),
    onNonLazyError: noop,
  });
  await new Promise<void>((resolve) => client.on('connected', resolve));
  const send = ({ id, timestamp, payload }: Message, done: () => void, error: (reason: unknown) => void): void => {
    client.subscribe({ query: SEND, variables: { id, timestamp, payload: String(payload) } }, { next: noop, error, complete: done });
  };
  return { client, send };
}

const rethrow = (reason: unknown): void => {
  throw reason instanceof Error ? reason : new Error(JSON.stringify(reason));
};

/** graphql-ws: the result of a mutation is its ack. */
export const graphqlWs: Peer = {
  async serve({ onNumber }) {
    const { buildSchema } = await import('graphql');
    const { useServer } = await import('graphql-ws/use/ws');
    const { server, port } = await httpServer();
    const send = ({ payload }: { readonly payload: string }): boolean => {
      onNumber?.(Number(payload));
      return true;
    };
    const sockets = new WebSocketServer({ server, path: '/wire', perMessageDeflate: false, maxPayload: 1024 * 1024 });
    useServer({ schema: buildSchema(SCHEMA), roots: { mutation: { send } } }, sockets);
    return { url: `ws://127.0.0.1:${port}/wire` };
  },
  async open(url, size) {
    const { send } = await openClient(url, 0);
    const create = itemOf(size);
    return (done) => send(create(), done, rethrow);
  },
  async connect(url) {
    const { client, send } = await openClient(url, 0);
    return {
      first: () => new Promise<void>((resolve, reject) => send(createMessage('bench.first', 'x'), resolve, reject)),
      close: () => client.terminate(),
    };
  },
  /** The documentation recommends attempts without end. An operation that is open when the connection is lost is run again. */
  async stream(url) {
    const { send } = await openClient(url, Infinity);
    return (number) => send(createMessage('bench.item', number), noop, noop);
  },
};
