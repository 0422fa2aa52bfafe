import { delay, Observable, Subject } from 'rxjs';
import type { Codec } from '../../../lib/codec/codec.js';
import { gzipped } from '../../../lib/codec/gzipped.js';
import { json } from '../../../lib/codec/json.js';
import { msgpack } from '../../../lib/codec/msgpack.js';
import type { Frame } from '../../../lib/io/link.js';
import { memoryLink } from '../../../lib/io/memoryLink.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { serve, type ServedLink } from '../../../lib/server/serve.js';
import { connect } from '../../../lib/wire/connect.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { eventually } from '../../support/eventually.js';
import { seeded } from '../../support/seeded.js';

const CLIENTS = 6;
const STEPS = 120;
const CODECS: readonly Codec[] = [json(), msgpack(), gzipped(json(), { threshold: 300 })];

/** Returns a number from 0 up to, but not including, `below`. */
type Dice = (below: number) => number;

/** One end of a wire: the ids that it has sent, and those that it has received. */
interface End {
  readonly wire: Wire;
  readonly sent: string[];
  readonly got: string[];
}

const pass = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));

function endOf(wire: Wire): End {
  const got: string[] = [];
  wire.subscribe(({ id }) => got.push(id));
  return { wire, sent: [], got };
}

function send({ wire, sent }: End, message: Message): void {
  sent.push(message.id);
  wire.next(message);
}

/** Starts a server, and clients that differ in their codec, window and delay of acks. */
async function start(random: () => number, dice: Dice) {
  const pick = <T>(values: readonly T[]): T => values[dice(values.length)]!;
  const links$ = new Subject<ServedLink>();
  const servers: End[] = [];
  const options = { pingInterval: 200, codecs: CODECS } as const;
  const running = serve(links$, options).subscribe((wire) => servers.push(endOf(wire)));
  const clients: End[] = [];
  const cuts: (() => void)[] = [];
  for (let at = 0; at < CLIENTS; at++) {
    const link = (outgoing: Observable<Frame>): Observable<Frame> =>
      new Observable((to) => {
        const [near, far] = memoryLink<Frame>();
        links$.next(far);
        cuts[at] = () => to.error(new Error('cut'));
        to.add(
          near(outgoing)
            .pipe(delay(dice(3)))
            .subscribe(to),
        );
      });
    const wire = connect({
      ...{ link, codec: CODECS[at % CODECS.length]!, delivery: 'exactly-once' },
      ...{ window: pick([16, 1_024, 300]), ackDelay: pick([0, 25, 200]), reconnect: { initialInterval: 1, maxInterval: 2, random } },
    });
    clients.push(endOf(wire));
    // The wires of the server have the order of the clients.
    await eventually(() => expect(servers).toHaveLength(at + 1));
  }
  const stop = (): void => {
    clients.forEach(({ wire }) => wire.unsubscribe());
    running.unsubscribe();
  };
  return { servers, clients, cut: (at: number) => cuts[at]!(), stop };
}

/** Sends a burst of messages: to all clients or to one; message by message or client by client. */
function broadcast(servers: readonly End[], dice: Dice, createId: () => string): void {
  const size = [1, 1, 2, 3, 20, 400][dice(6)]!;
  const payload = (): unknown => (dice(2) ? 'x'.repeat(dice(600)) : new Date(0));
  const messages = Array.from({ length: size }, () => createMessage<string, unknown>('test.any', payload(), { id: createId() }));
  const only = dice(CLIENTS);
  const receivers = dice(3) ? servers : [servers[only]!];
  if (dice(2)) for (const message of messages) receivers.forEach((end) => send(end, message));
  else receivers.forEach((end) => messages.forEach((message) => send(end, message)));
}

describe('a server that broadcasts', () => {
  it.each([1, 2, 3, 4])(
    'delivers all messages once and in order, to clients that are cut off (seed %d)',
    async (seed) => {
      const random = seeded(seed);
      const dice: Dice = (below) => Math.floor(random() * below);
      const { servers, clients, cut, stop } = await start(random, dice);
      let count = 0;
      const createId = (): string => String(count++);
      for (let step = 0; step < STEPS; step++) {
        const action = dice(12);
        if (action < 6) broadcast(servers, dice, createId);
        else if (action < 8) send(clients[dice(CLIENTS)]!, createMessage('test.any', 1, { id: createId() }));
        else if (action === 8) cut(dice(CLIENTS));
        const pause = dice(4);
        if (pause < 2) await pass(dice(12));
        else if (pause === 2) await Promise.resolve();
      }
      const received = (ends: readonly End[]) => ends.map(({ got }) => got.length);
      const expected = (ends: readonly End[]) => ends.map(({ sent }) => sent.length);
      await eventually(() => expect([received(clients), received(servers)]).toEqual([expected(servers), expected(clients)])).catch(
        () => undefined,
      );
      expect(clients.map(({ got }) => got)).toEqual(servers.map(({ sent }) => sent));
      expect(servers.map(({ got }) => got)).toEqual(clients.map(({ sent }) => sent));
      stop();
    },
    20_000,
  );
});
