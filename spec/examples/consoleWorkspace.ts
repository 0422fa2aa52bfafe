import { filter, firstValueFrom, ignoreElements, merge, ReplaySubject } from 'rxjs';
import { channelOf, fileIn, stateChannelOf, type FileEntry } from '../../docs/examples/console/messages.js';
import type { ConsoleOptions } from '../../docs/examples/console/server.js';
import { startConsole } from '../../docs/examples/console/server.js';
import { channel, connect, msgpack, ofType, webSocket, type Message } from '../../lib/index.js';

/** A console's server, and clients that come into its workspaces. */
export async function startWorkspaces(options: ConsoleOptions = {}) {
  const server = await startConsole({ port: 0, page: false, ...options });
  const wires: { unsubscribe(): void }[] = [];

  /** Comes in, and writes down what its channels tell. */
  const enter = async (sandboxId = 'shared', id: string = crypto.randomUUID()) => {
    const wire = connect({
      link: webSocket(`${server.url.replace('http', 'ws')}/wire?console=${id}`),
      codec: msgpack(),
      reconnect: { initialInterval: 20, maxInterval: 100 },
    });
    wires.push(wire);
    const room = channel(wire, channelOf(sandboxId));
    const told = new ReplaySubject<Message>();
    room.subscribe(told);
    const state = channel(wire, stateChannelOf(sandboxId));
    state.subscribe({ next: (message) => told.next(message), error: () => undefined });
    const known = new Map<string, FileEntry>();
    state.gaps$.subscribe(() => known.clear());
    told.pipe(ofType('file.change')).subscribe({
      next({ payload }) {
        if (payload.operation === 'delete') known.delete(payload.path);
        else known.set(payload.path, fileIn(payload));
      },
      error: () => undefined,
    });
    const joined$ = room.state$.pipe(filter(({ status }) => status === 'joined'));
    // Or it is refused, which is an error of what is told.
    await firstValueFrom(merge(joined$, told.pipe(ignoreElements())));
    const cut = () => fetch(`${server.url}/cut?console=${id}`, { method: 'POST', headers: { origin: server.url } });
    /** All but the one that the text is written to. */
    const files = () => [...known.values()].filter(({ path }) => path !== '/program.mjs');
    return { wire, room, told, cut, files, sandboxId };
  };
  const close = async (): Promise<void> => {
    wires.forEach((wire) => wire.unsubscribe());
    await server.close();
  };
  return { server, enter, close };
}

export type Guest = Awaited<ReturnType<Awaited<ReturnType<typeof startWorkspaces>>['enter']>>;
