import { filter, Subject } from 'rxjs';
import { ConnectionLostError } from '../../lib/message/errors.js';
import { createMessage } from '../../lib/message/createMessage.js';
import type { ListenOptions } from '../../lib/server/listen.js';
import type { Wire } from '../../lib/wire/wire.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';

/** Something in front of a port. */
export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

const reply = (wire: Wire, type: string, payload: unknown): void => wire.next(createMessage(type, payload));

/**
 * The server of cases.ts: does what the messages say. Clients reach it by way of a proxy that can cut them, and of whatever `front` puts between that and the
 * server.
 */
export async function startServer(options: ListenOptions = {}, front?: (port: number) => Promise<Front>) {
  /** The clients that are gone, by their names. */
  const lost$ = new Subject<string>();

  const serveOne = (wire: Wire): void => {
    let name = '';
    wire.errors$.subscribe((error) => error instanceof ConnectionLostError && error.closeCode === 4000 && lost$.next(name));
    wire.subscribe(({ type, payload, source }) => {
      name = source;
      if (type === 'test.echo') reply(wire, type, payload);
      else if (type === 'test.cut') proxy.cut();
      else if (type === 'test.goodbye') wire.complete();
      else if (type === 'test.watch') {
        lost$.pipe(filter((one) => one === payload)).subscribe((one) => reply(wire, 'test.lost', one));
        reply(wire, type, null);
      } else if (type === 'test.flood') {
        const { count, size } = payload as { readonly count: number; readonly size: number };
        for (let number = 0; number < count; number++) reply(wire, type, { number, text: 'x'.repeat(size) });
      }
    });
  };
  const server = await wireServer(serveOne, { ...options });
  const between = await front?.(server.port);
  const proxy = await tcpProxy(between?.port ?? server.port);
  return {
    ...server,
    proxy,
    url: `ws://127.0.0.1:${proxy.port}/wire`,
    close: async (): Promise<void> => {
      await proxy.close();
      await between?.close();
      await server.close();
    },
  };
}
