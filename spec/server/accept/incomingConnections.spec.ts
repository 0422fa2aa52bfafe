import { noop, type Observer } from 'rxjs';
import type { Frame } from '../../../lib/io/link.js';
import { steadyScheduler } from '../../../lib/message/steadyScheduler.js';
import type { IncomingConnection } from '../../../lib/server/accept/incomingConnection.js';
import { IncomingConnections } from '../../../lib/server/accept/incomingConnections.js';
import { PacedHandshakes } from '../../../lib/server/accept/pacedHandshakes.js';
import { helloFrame } from '../../support/sessionFrames.js';

/** A server that has answered as many hellos in this turn as it may. */
function start() {
  const turns: (() => void)[] = [];
  const handshakes = new PacedHandshakes({ now: () => 0 }, (run) => turns.push(run));
  for (let count = 0; count < 16; count++) handshakes.add('hello', noop);
  const accepted: IncomingConnection[] = [];
  const refused: unknown[] = [];
  const options = {
    handshakeTimeout: 1_000,
    scheduler: steadyScheduler(),
    refuse: noop,
    onRefused: (error: unknown) => refused.push(error),
    handshakes,
  };
  const connections = new IncomingConnections(options as never, (connection) => accepted.push(connection));
  let client!: Observer<Frame>;
  const begin = (to: Observer<Frame>): void => void (client = to);
  connections.accept({ connection: { begin, next: noop, error: noop, complete: noop, unsubscribe: noop } });
  return { accepted, connections, client, refused, turn: (): void => turns.splice(0).forEach((run) => run()) };
}

describe('IncomingConnections', () => {
  it('accept a hello in a later turn, when there are many in this one', () => {
    const { accepted, client, turn } = start();
    client.next(helloFrame());
    expect(accepted).toEqual([]);
    turn();
    expect(accepted).toHaveLength(1);
  });

  it('do nothing for a client that has left while its hello waited', () => {
    const { accepted, client, refused, turn } = start();
    client.next(helloFrame());
    client.complete();
    turn();
    expect(accepted).toEqual([]);
    expect(refused).toEqual([]);
  });

  it('do nothing for a hello that waited while the server was closed', () => {
    const { accepted, client, connections, refused, turn } = start();
    client.next(helloFrame());
    connections.close();
    turn();
    expect(accepted).toEqual([]);
    expect(refused).toEqual([]);
  });

  it('refuse a second frame while the hello waits', () => {
    const { accepted, client, refused, turn } = start();
    client.next(helloFrame());
    client.next('["ack",0,1]');
    expect(refused).toHaveLength(1);
    client.complete();
    turn();
    expect(accepted).toEqual([]);
  });
});
