import { filter, firstValueFrom } from 'rxjs';
import { webSocket } from '../../lib/io/webSocket.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import { connect, type ConnectOptions } from '../../lib/wire/connect.js';
import type { ConnectionStatus } from '../../lib/wire/connectionState.js';
import type { Wire } from '../../lib/wire/wire.js';
import { tcpProxy } from './tcpProxy.js';
import { wireServer } from './wireServer.js';

export interface ProxiedPairOptions {
  readonly client?: Partial<ConnectOptions>;
  readonly server?: ListenOptions;
  /** Gets each wire of the server as it comes. */
  readonly onServerWire?: (wire: Wire) => void;
}

/** Resolves when a wire is in that state. */
export const status = (wire: Wire, wanted: ConnectionStatus): Promise<unknown> =>
  firstValueFrom(wire.state$.pipe(filter((state) => state.status === wanted)));

/** A client and a server over real sockets, through a proxy that can break them. */
export async function proxiedPair({ client = {}, server: options, onServerWire = (wire) => void wire.subscribe() }: ProxiedPairOptions) {
  let accept: (wire: Wire) => void;
  const accepted = new Promise<Wire>((resolve) => (accept = resolve));
  const start = () =>
    wireServer((wire) => {
      onServerWire(wire);
      accept(wire);
    }, options);
  const servers = [await start()];
  const proxy = await tcpProxy(servers[0]!.port);
  const link = webSocket(`ws://127.0.0.1:${proxy.port}/wire`);
  const wire = connect({ link, reconnect: { initialInterval: 5, maxInterval: 20 }, ...client });
  const serverWire = await accepted;
  await status(wire, 'connected');

  return {
    ...{ proxy, wire, serverWire },
    /** Another server takes the place of the one there is, which knows nothing of it. */
    async replace(): Promise<void> {
      const former = servers.at(-1)!;
      servers.push(await start());
      proxy.aim(servers.at(-1)!.port);
      await former.close();
    },
    /** Cuts the connection, and resolves when both are connected again. */
    async cut(): Promise<void> {
      proxy.cut();
      await status(wire, 'reconnecting');
      await status(wire, 'connected');
    },
    close: async (): Promise<void> => {
      wire.unsubscribe();
      await proxy.close();
      await Promise.all(servers.map(({ close }) => close()));
    },
  };
}
