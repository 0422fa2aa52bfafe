import type { AcceptedSocket } from '../../io/acceptedSocket.js';
import { upgradeInBun, type BunServer } from './bunSockets.js';
import type { HibernatableSocket, Hibernation } from './hibernation.js';
import { type RuntimeSocketOptions, standardConnection, type StandardSocket } from './standardSocket.js';

/** The functions of Deno and of workers that upgrade a request. */
interface RuntimeGlobals {
  readonly WebSocketPair?: new () => { readonly 0: unknown; readonly 1: HibernatableSocket & { accept(): void } };
  readonly Deno?: {
    upgradeWebSocket(
      request: Request,
      options: { readonly idleTimeout: number },
    ): { readonly socket: StandardSocket; readonly response: Response };
  };
}

/** The second argument of the function that Bun or Deno calls for each request. */
type RequestContext = Partial<BunServer> & { readonly remoteAddr?: { readonly hostname?: string } };

/** Returns the address of the client of a request; `undefined` if it is not known. */
export function addressOf(request: Request, context: unknown): string | undefined {
  const { requestIP, remoteAddr } = Object(context) as RequestContext;
  if (requestIP) return requestIP.call(context, request)?.address;
  // Cloudflare replaces the header that a client has sent.
  const isWorker = (globalThis as RuntimeGlobals).WebSocketPair !== undefined;
  return remoteAddr?.hostname ?? (isWorker ? (request.headers.get('cf-connecting-ip') ?? undefined) : undefined);
}

/**
 * Upgrades a request to a WebSocket.
 *
 * @param hibernation Accepts the WebSockets of a worker; undefined if they keep it in memory.
 * @param accept Called with the connection, at once or when the socket is open.
 * @returns The response; `undefined` if the handshake is not valid, or there are no WebSockets.
 */
export function upgradeSocket(
  request: Request,
  context: unknown,
  options: RuntimeSocketOptions,
  hibernation: Hibernation | undefined,
  accept: (connection: AcceptedSocket) => void,
): Response | undefined {
  const { WebSocketPair, Deno } = globalThis as RuntimeGlobals;
  const { upgrade } = Object(context) as RequestContext;
  // Bun ignores the response.
  if (upgrade) return upgradeInBun(context as BunServer, request, options, accept) ? new Response(null) : undefined;
  if (WebSocketPair) {
    const { 0: webSocket, 1: socket } = new WebSocketPair();
    if (!hibernation) socket.accept();
    accept(hibernation ? hibernation.accept(socket, options) : standardConnection(socket, options));
    return new Response(null, { status: 101, webSocket } as ResponseInit);
  }
  if (!Deno) return undefined;
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    accept(standardConnection(socket, options));
    return response;
  } catch {
    return undefined;
  }
}
