import type { Delivery, Receipt, RxwireError, Wire } from '../../lib/index.js';
import type { Chance } from './chance.js';
import { createMessage, type Message } from '../../lib/index.js';
import type { Memory } from './checks/deliveries.js';
import type { Context } from './context.js';
import { createHandler } from './handler.js';
import { isDone, type Sender } from './journal.js';
import type { Life } from './life.js';
import { other, type Side } from './network.js';

/** The application around one wire. */
export interface Attended {
  readonly wire: Wire;
  readonly life: Life;
  readonly isEnded: () => boolean;
  /** Messages that were sent and have no outcome. */
  readonly unsettled: ReadonlySet<string>;
  /** Messages that were claimed, and are not finished. */
  readonly claimed: () => number;
  /** The messages that were sent last, and must be processed before the wire ends. */
  readonly last: readonly string[];
  send(message: Message): void;
  /** Sends a little, just before a goodbye. */
  sendLast(): void;
}

export interface AttendOptions {
  readonly wire: Wire;
  readonly life: Life;
  readonly side: Side;
  /** Names what keeps the order of what is sent. */
  readonly stream: string;
  readonly memory: () => Memory;
  readonly onError?: (error: RxwireError) => void;
  readonly onEnd: (error?: unknown) => void;
}

/** How many messages `send` sends, where receipts have no subscriber. */
const AWAITED = 0.05;

/** Watches a wire, handles what it brings, and sends. */
export function attend({ wire, life, side, stream, memory, onError, onEnd }: AttendOptions, context: Context): Attended {
  const { chance, clock, plan, journal, deliveries, say, violate, isCalm } = context;
  const unsettled = new Set<string>();
  const last: string[] = [];
  let claimed = 0;
  let isEnded = false;
  let isListening = false;
  const sender: Sender = { side, life, stream, isEnded: () => isEnded, isListening: () => isListening };

  // Where receipts have no subscriber, errors tell what is lost, and the receiver what is done.
  const { isWatched } = plan[side];
  const watchReceipt = (receipt: Receipt): void => {
    if (!life.isAlive()) return;
    if (receipt.status !== 'queued' && receipt.status !== 'sent' && receipt.status !== 'stored')
      say(life.name, () => `${receipt.id} is ${receipt.status} ${(receipt.error as RxwireError | undefined)?.code ?? ''}`);
    const level = journal.of(receipt.id).level;
    if (receipt.status === 'queued') unsettled.add(receipt.id);
    else if (receipt.status !== 'stored' && (receipt.status !== 'sent' || level === 'at-most-once')) unsettled.delete(receipt.id);
    deliveries.receipt(receipt, wire, sender);
  };
  if (isWatched) wire.receipts$.subscribe(watchReceipt);
  const settle = (id: string, error: RxwireError, reason?: unknown): void => {
    unsettled.delete(id);
    const status = error.code === 'ERR_REFUSED' ? 'refused' : reason === 'expired' ? 'expired' : 'dead';
    deliveries.receipt({ id, status, error }, wire, sender);
  };
  /** Messages that were given up when the wire ended. */
  const lost = new Set<string>();
  wire.errors$.subscribe((error) => {
    if (!life.isAlive()) return;
    onError?.(error);
    const { id, reason } = error as { readonly id?: unknown; readonly reason?: unknown };
    // An at-most-once message is lost with its connection, too.
    if (error.code === 'ERR_DROPPED' && reason === 'closed' && journal.of(id as string).level !== 'at-most-once') lost.add(id as string);
    if (!isWatched && typeof id === 'string' && error.code !== 'ERR_HANDLER') settle(id, error, reason);
    const why = surprise(error, context);
    if (why) violate('surprise', `${life.name}: ${why}: ${error.code} ${error.message}`);
  });
  const checkEnd = (error: unknown): void => {
    if (side === 'server' || !life.isAlive()) return;
    if (error === undefined && lost.size > 0) violate('outcome', `${life.name} completes, and has lost ${[...lost].join(' ')}`);
    const { code, ids = [] } = Object(error) as { readonly code?: unknown; readonly ids?: readonly string[] };
    const wrong = code === 'ERR_UNDELIVERED' ? ids.filter((id) => journal.of(id).outcomes.get(wire) === 'acked') : [];
    if (wrong.length > 0) violate('outcome', `${life.name} says that ${wrong.join(' ')} were not delivered, and they were acked`);
  };
  const end = (error?: unknown): void => {
    isEnded = true;
    checkEnd(error);
    if (!life.isAlive()) return;
    // The wire gives its messages up when its subscribers know of its end.
    clock.soon(() => life.isAlive() && isWatched && deliveries.ended(wire, sender));
    onEnd(error);
  };
  const handle = createHandler({
    ...{ life, side, plan: plan[side], chance, journal, memory, isCalm },
    onHanded(id, remembered) {
      say(life.name, () => `gets ${id}`);
      deliveries.handed(id, remembered);
    },
    onEffect: (id) => deliveries.effect(id, side),
    onBuried: deliveries.buried,
    onRefused: deliveries.refused,
    onBlamed: (id) => violate('blamed', `the handler of ${id} has not failed, and is told so`),
    onClaimed: (change) => void (claimed += change),
  });
  // Messages that come before somebody listens wait for that.
  const listen = (): void => {
    wire.subscribe({ next: handle, error: end, complete: end });
    isListening = true;
  };
  if (chance.hit(0.2)) life.scheduler.schedule(listen, chance.skewed(0, 1_000));
  else listen();

  const send = (message: Message): void => {
    const level = message.delivery ?? wire.delivery;
    const isNumbered = level !== 'at-most-once';
    const isPoison = isNumbered && plan[side].poison > 0 && chance.hit(plan[side].poison) && !isCalm();
    const isUnwanted = isNumbered && plan[other(side)].refusing > 0 && chance.hit(plan[other(side)].refusing);
    const isLate = wire.state.isFinal === true;
    const entry = journal.add(message, level, sender, { isPoison, isUnwanted, isLate });
    context.counts.messages++;
    if (!isWatched && level !== 'at-most-once') {
      unsettled.add(message.id);
      // The error of a store that has no room does not say which message it concerns.
      context.givenUp.set(message.id, (error) => {
        if (error.code === 'ERR_STORE' && life.isAlive() && !isEnded) settle(message.id, error);
      });
    }
    say(life.name, () => `sends ${message.id} ${level} priority ${message.priority} ${message.ttl ? `ttl ${message.ttl}` : ''}`);
    if (isWatched || !chance.hit(AWAITED)) wire.next(message);
    else {
      entry.isAwaited = true;
      void wire.send(message);
    }
  };

  return {
    ...{ wire, life, last, send },
    get unsettled() {
      if (!isWatched) for (const id of unsettled) if (isDone(journal.of(id))) unsettled.delete(id);
      return unsettled;
    },
    isEnded: () => isEnded,
    claimed: () => claimed,
    sendLast() {
      for (let left = chance.whole(0, 2); left > 0; left--) {
        const message = composeNotice(`${side.slice(0, 1)}l${left}`, 'at-least-once', context);
        last.push(message.id);
        send(message);
      }
    },
  };
}

/** A message as an application makes it. */
export function compose(id: string, side: Side, { ahead, chance, clock, plan }: Context): Message {
  const mine = plan[side];
  const delivery = drawLevel(chance);
  return createMessage('sim.said', 'x'.repeat(Math.floor(chance.skewed(0, mine.payload))), {
    ...{ id, timestamp: clock.now() + ahead[side], priority: chance.pick([0, 1, 1, 1, 2, 3] as const) },
    ...(delivery && { delivery }),
    ...(chance.hit(mine.expiring) && { ttl: chance.whole(10, 3_000) }),
  });
}

/** A small message that stays valid: a session need not wake up for it. */
export function composeNotice(id: string, delivery: Delivery | undefined, { clock }: Context): Message {
  return createMessage('sim.noticed', '', { id, timestamp: clock.now(), ...(delivery && { delivery }) });
}

/** A level of delivery; undefined: that of the wire. */
export function drawLevel(chance: Chance): Delivery | undefined {
  return chance.hit(0.4) ? chance.pick(['at-most-once', 'at-least-once', 'exactly-once'] as const) : undefined;
}

/** Returns what is wrong about an error that a wire or a server reports; undefined: these faults explain it. */
export function surprise({ code, ...error }: RxwireError, { plan }: Context): string | undefined {
  const isPoisoned = plan.client.poison + plan.server.poison > 0;
  const { closeCode, fault, reason } = error as { readonly closeCode?: number; readonly fault?: string; readonly reason?: string };
  switch (code) {
    case 'ERR_CONNECTION_LOST':
      // Frames wait for a slow codec, and take more room than the receiver has.
      if (reason === 'too many frames wait for the codec') return plan.client.coding + plan.server.coding > 0 ? undefined : 'slow decoding';
      // A gap, on a link that keeps the order.
      if (closeCode === 4410) return plan.link.isLossy || isPoisoned ? undefined : 'a gap';
      if (closeCode === 1011) return plan.stores ? undefined : 'a close code';
      return [1001, 1006, 1013, 4000, 4408, 4409, 4411].includes(closeCode ?? 0) ? undefined : 'a close code';
    case 'ERR_STORE':
      return fault === 'quota' || fault === 'fenced' || (fault === 'failed' && plan.stores) ? undefined : 'a store';
    case 'ERR_DECODE':
      return isPoisoned ? undefined : 'a batch that cannot be decoded';
    case 'ERR_HANDLER':
      return plan.throwing ? undefined : 'a callback';
    case 'ERR_FRAME_TOO_LARGE':
      return (plan.client.maxFrame ?? plan.server.maxFrame) ? undefined : 'a frame that is not too large';
    case 'ERR_UNDELIVERED':
    case 'ERR_REFUSED':
    case 'ERR_MISSED':
    case 'ERR_SESSION_LOST':
    case 'ERR_DROPPED':
    case 'ERR_OVERFLOW':
    case 'ERR_IN_DOUBT':
    case 'ERR_PEER_GONE':
    case 'ERR_WIRE_CLOSED':
      return undefined;
    default:
      return 'an error';
  }
}
