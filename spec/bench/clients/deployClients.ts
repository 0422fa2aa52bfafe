/**
 * Many clients of a server that is deployed again: node deployClients.mjs <count> <URL> …. Each sends a message when it is back. With
 * several URLs, each client tries one after the other, and begins with the first.
 */
import { filter, type Observable } from 'rxjs';
import { connect, createMessage, webSocket, type Frame, type Wire } from '../../../lib/index.js';
import type { Report } from '../remote.js';

export interface DeployClientsReports {
  /** All are connected, and their first messages are acked. */
  readonly ready: true;
  /** All are back. */
  readonly back: {
    /** The most attempts that a client has made, and all of them. */
    readonly most: number;
    readonly attempts: number;
    /** The sessions that were lost. */
    readonly lost: number;
  };
}

const [count = '', ...urls] = process.argv.slice(2);
const tell = (report: Report<DeployClientsReports>): void => void process.send?.(report);
process.on('disconnect', () => process.exit());

/** The number of clients that connect at once, at first. */
const AT_ONCE = 100;

const wires: Wire[] = [];
const attempts: number[] = [];
let lost = 0;

function open(): Wire {
  const index = wires.length;
  const sockets = urls.map((url) => webSocket(url));
  let turn = 0;
  const link = (outgoing: Observable<Frame>): Observable<Frame> => {
    attempts[index] = (attempts[index] ?? 0) + 1;
    return sockets[turn++ % sockets.length]!(outgoing);
  };
  const wire = connect({ link, delivery: 'exactly-once' });
  wire.errors$.pipe(filter(({ code }) => code === 'ERR_SESSION_LOST')).subscribe(() => lost++);
  wire.subscribe({ error: () => lost++ });
  wires.push(wire);
  return wire;
}
const ask = (wire: Wire): Promise<unknown> => wire.send(createMessage('bench.item', 'x'));

while (wires.length < Number(count)) {
  const few = Array.from({ length: Math.min(AT_ONCE, Number(count) - wires.length) }, open);
  await Promise.all(few.map(ask));
}
process.on('message', (asked) => {
  // The server is there: only what follows counts.
  if (asked === 'up') attempts.fill(0);
  if (asked !== 'watch') return;
  lost = 0;
  // They are sent when the server is back.
  const all = Promise.all(
    wires.map(async (wire) => {
      await new Promise<void>((gone) => {
        const watching = wire.state$.subscribe(({ status }) => {
          if (status === 'connected') return;
          gone();
          queueMicrotask(() => watching.unsubscribe());
        });
      });
      await ask(wire);
    }),
  );
  void all.then(() =>
    tell({ kind: 'back', value: { most: Math.max(...attempts), attempts: attempts.reduce((sum, each) => sum + each, 0), lost } }),
  );
  tell({ kind: 'ready', value: true });
});
tell({ kind: 'ready', value: true });
