import { array, assert, boolean, constant, constantFrom, integer, nat, oneof, property, record, type Arbitrary } from 'fast-check';
import { Subject, Subscription, take, VirtualTimeScheduler, type Observable } from 'rxjs';
import { json } from '../../../lib/codec/json.js';
import { whenReady } from '../../../lib/internal/maybeAsync.js';
import type { Frame } from '../../../lib/link/link.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import type { Message } from '../../../lib/message/types.js';
import { createNegotiatedCodec } from '../../../lib/session/codecNegotiation.js';
import { durable, type Durable } from '../../../lib/session/durability.js';
import { readFrame } from '../../../lib/session/protocol/frames.js';
import type { BatchTransport } from '../../../lib/session/send/inFlight.js';
import { Sender } from '../../../lib/session/send/sender.js';
import { memoryOutbox } from '../../../lib/session/store/memoryOutbox.js';
import { outboxCalls } from '../../../lib/session/store/outboxCalls.js';

type Level = 'at-least-once' | 'exactly-once';

type Step =
  | { readonly kind: 'send'; readonly delivery: Level; readonly priority: 0 | 1 | 2 }
  /** There is a connection; perhaps the other side has forgotten all it had. */
  | { readonly kind: 'connect'; readonly isKnown: boolean }
  | { readonly kind: 'cut' }
  /** So many frames arrive. */
  | { readonly kind: 'arrive'; readonly count: number }
  /** The other side is done with some of what it has, and says so. */
  | { readonly kind: 'ack'; readonly part: number }
  /** What is being written is stored. */
  | { readonly kind: 'stored' };

const steps: Arbitrary<readonly Step[]> = array(
  oneof(
    {
      weight: 4,
      arbitrary: record({
        kind: constant('send' as const),
        delivery: constantFrom<Level>('at-least-once', 'exactly-once'),
        priority: constantFrom(0, 1, 2),
      }),
    },
    {
      weight: 2,
      arbitrary: record({ kind: constant('connect' as const), isKnown: oneof({ weight: 3, arbitrary: constant(true) }, boolean()) }),
    },
    { weight: 1, arbitrary: record({ kind: constant('cut' as const) }) },
    { weight: 4, arbitrary: record({ kind: constant('arrive' as const), count: nat(6) }) },
    { weight: 3, arbitrary: record({ kind: constant('ack' as const), part: integer({ min: 0, max: 4 }) }) },
    { weight: 3, arbitrary: record({ kind: constant('stored' as const) }) },
  ),
  { maxLength: 80, size: 'max' },
);

interface Options {
  readonly isDurable: boolean;
  readonly window: number;
}

/** The other side, as plain as can be: it takes what comes next, and remembers all that it ever took. */
function createPeer(broken: string[]) {
  const taken: string[] = [];
  let rx = 0;
  let done = 0;
  return {
    taken,
    rx: () => rx,
    done: () => done,
    take(frame: Frame): void {
      const read = readFrame(frame);
      if (read.kind !== 'msg') throw new Error(`a ${read.kind}`);
      if (read.first > rx + 1) broken.push(`${read.first} comes after ${rx}`);
      json()
        .decode(read.body)
        .forEach(({ id }, index) => {
          if (read.first + index === rx + 1) taken.push((rx++, id));
        });
    },
    process: (part: number): number => (done += Math.ceil(((rx - done) * part) / 4)),
    forget: (): void => void (rx = done = 0),
  };
}

/** The sender with real parts around it, a store that writes when it is told to, and the other side. */
function createWorld({ isDurable, window }: Options) {
  const outcomes = new Map<string, string>();
  const writes$ = new Subject<void>();
  const broken: string[] = [];
  const peer = createPeer(broken);
  const write = (): Observable<void> => writes$.pipe(take(1));
  const calls = outboxCalls(memoryOutbox());
  const store = isDurable ? { ...calls, isDurable, append: write, replace: write } : calls;
  const sender = new Sender(
    {
      codec: createNegotiatedCodec([json()]),
      sends: 'to-server',
      pid: () => 'sender',
      store,
      durability: isDurable ? (durable as Durable) : undefined,
      wait: (later, then, failed) => void whenReady(later(), then, failed),
      life: new Subscription(),
      fail: () => undefined,
    },
    {
      delivery: 'at-least-once',
      maxFrame: 100_000,
      maxQueued: 1_000,
      overflow: 'error',
      scheduler: new VirtualTimeScheduler(),
      isWatched: () => true,
      report(event) {
        if (event.kind !== 'receipt' || !['acked', 'dead'].includes(event.receipt.status)) return;
        if (outcomes.has(event.receipt.id)) broken.push(`${event.receipt.id} ends twice`);
        outcomes.set(event.receipt.id, event.receipt.status);
      },
    },
  );
  const { pending, inFlight } = sender;
  sender.begin({ pid: 'sender', epoch: 1, acked: 0, last: 0, sent: 0, batches: [] }, () => undefined);
  let wire: Frame[] | undefined;
  let mustRestart = false;

  const acknowledge = (): void => sender.acknowledge({ kind: 'ack', done: peer.done(), credit: window, delay: 0 });
  const transportTo = (mine: Frame[]): BatchTransport => ({
    sendBatch({ frame }) {
      const { first, count } = readFrame(frame) as { readonly first: number; readonly count: number };
      const last = first + count - 1;
      // A batch that alone is larger than the window is sent when nothing else is in flight.
      if (first > inFlight.acked + 1 && last - inFlight.acked > window) broken.push(`${last} is sent, and ${inFlight.acked} is acked`);
      mine.push(frame);
    },
    // No message of this model is dropped, expires or is sent without a number.
    sendFrame: (frame) => void broken.push(`${String(frame)} is sent`),
  });
  return {
    broken,
    outcomes,
    peer,
    isEmpty: () => pending.byId.size === 0,
    send(message: Message): void {
      sender.accept(message);
      sender.flush();
    },
    connect(isKnown: boolean): void {
      this.cut();
      if (!isKnown) peer.forget();
      const mine: Frame[] = [];
      wire = mine;
      const rx = peer.rx();
      // As in the handshake: a sender whose numbers were not known stays unknown until its new numbers are stored.
      mustRestart ||= !isKnown;
      sender.resume({ rx, isKnown: !mustRestart }, () => {
        mustRestart = false;
        if (wire !== mine) return;
        sender.attach(transportTo(mine), rx, { window, bytes: 100_000 }, true);
        acknowledge();
      });
    },
    cut(): void {
      wire = undefined;
      sender.detach();
    },
    arrive(count: number): void {
      for (const frame of wire?.splice(0, count) ?? []) peer.take(frame);
    },
    ack(part: number): void {
      peer.process(part);
      if (wire && !mustRestart && inFlight.sent >= peer.done()) acknowledge();
    },
    stored: () => writes$.next(),
  };
}

describe('sender', () => {
  it('delivers all in order: exactly-once no message twice, and at-least-once each at least once', () => {
    const options = record({ isDurable: boolean(), window: constantFrom(1, 4, 100) });
    assert(
      property(options, steps, (chosen, list) => {
        const world = createWorld(chosen);
        const sent: { readonly id: string; readonly delivery: Level; readonly priority: number }[] = [];
        for (const step of list) {
          if (step.kind === 'send') {
            const { delivery, priority } = step;
            sent.push({ id: String(sent.length), delivery, priority });
            world.send(createMessage('sim.said', null, { id: String(sent.length - 1), timestamp: 0, delivery, priority }));
          } else if (step.kind === 'connect') world.connect(step.isKnown);
          else if (step.kind === 'arrive') world.arrive(step.count);
          else if (step.kind === 'ack') world.ack(step.part);
          else world[step.kind]();
        }
        world.connect(true);
        for (let turn = 0; turn < 400 && !world.isEmpty() && world.broken.length === 0; turn++) {
          world.stored();
          world.arrive(100);
          world.ack(4);
        }
        expect(world.broken).toEqual([]);
        const { taken } = world.peer;
        const lost = sent.filter(({ id }) => !world.outcomes.has(id) || (world.outcomes.get(id) === 'acked' && !taken.includes(id)));
        expect(lost).toEqual([]);
        for (const delivery of ['at-least-once', 'exactly-once'] as const) {
          for (const priority of [0, 1, 2]) {
            const mine = sent.filter((one) => one.delivery === delivery && one.priority === priority).map(({ id }) => id);
            const got = taken.filter((id) => mine.includes(id));
            if (delivery === 'exactly-once') expect(got).toEqual([...new Set(got)]);
            else expect(mine.filter((id) => !got.includes(id))).toEqual([]);
            expect([...new Set(got)]).toEqual(mine.filter((id) => got.includes(id)));
          }
        }
      }),
    );
  });
});
