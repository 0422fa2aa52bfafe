import { setTimeout as sleep } from 'node:timers/promises';
import { filter, firstValueFrom, take, timeout } from 'rxjs';
import { channel, connect, createMessage, request, webSocket, type Wire } from '../../../lib/index.js';

/** The time between two rounds of a neighbour, in ms. */
const INTERVAL = 10;
/** The rounds that a neighbour may have open. With more, it waits: its rate is what the server answers. */
const MAX_OPEN = 32;
/** The part of the time before the rate is measured: the first rounds take their time. */
const START = 0.3;

/** The time after which a round has failed, in ms. */
const TIMEOUT = 3_000;

/** A client that uses the server as usual: it sends a request each 10 ms, and a message to a channel that it has joined. */
export function createNeighbour(port: number) {
  const wire: Wire = connect({ link: webSocket(`ws://127.0.0.1:${port}/wire`), token: () => 'neighbour' });
  const room = channel(wire, 'quiet');
  const subscription = room.subscribe({ error: () => undefined });
  let open = 0;

  const round = async (): Promise<void> => {
    const message = createMessage('test.item', null);
    const back = firstValueFrom(
      room.pipe(
        filter(({ id }) => id === message.id),
        take(1),
        timeout(TIMEOUT),
      ),
    );
    room.next(message);
    await Promise.all([firstValueFrom(request(wire, createMessage('test.echo', null), { timeout: TIMEOUT })), back]);
  };
  return {
    /** Resolves with the rounds that end in a second, and how long they took, in ms. */
    async rate(time: number): Promise<{ readonly rate: number; readonly latencies: readonly number[] }> {
      const latencies: number[] = [];
      const rounds: Promise<void>[] = [];
      const begun = performance.now();
      for (let next = begun; performance.now() - begun < time; next += INTERVAL) {
        if (open < MAX_OPEN) {
          open++;
          const started = performance.now();
          const done = round().then(
            () => {
              const ended = performance.now();
              if (ended - begun >= START * time && ended - begun < time) latencies.push(ended - started);
            },
            () => undefined,
          );
          rounds.push(done.finally(() => open--));
        }
        await sleep(Math.max(0, next + INTERVAL - performance.now()));
      }
      await Promise.all(rounds);
      return { rate: (1_000 * latencies.length) / ((1 - START) * time), latencies };
    },
    end(): void {
      subscription.unsubscribe();
      wire.unsubscribe();
    },
  };
}
