import { noop } from 'rxjs';
import { EMPTY_OUTBOX } from '../../core/outgoingStore.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Frame } from '../../link/link.js';
import { controlFrame } from '../protocol/frames.js';
import type { HelloNumber, OutboxHead, OutboxStore, SessionTicket, StoredBatch } from './outboxStore.js';

/** A stored batch as the frame that carries it. */
export interface FrameBatch extends Pick<StoredBatch, 'first' | 'count'> {
  readonly frame: Frame;
  readonly delivery: 'at-least-once' | 'exactly-once';
}

export type Ticket = Pick<SessionTicket, 'sid' | 'rt'> & Partial<SessionTicket>;

/** The contents of an outbox as frames. */
export interface FrameContents extends Pick<OutboxHead, 'acked' | 'last' | 'ticket'> {
  readonly pid: string;
  readonly epoch: number;
  /** The highest number that may have been sent. */
  readonly sent: number;
  readonly batches: readonly FrameBatch[];
}

/**
 * An outbox with one call for each change. The sender makes one call of `append` or `replace` at a
 * time.
 */
export interface OutboxCalls extends Pick<OutboxStore, 'isDurable' | 'maxMessages' | 'maxBytes' | 'close' | 'faults$'> {
  open(hello?: HelloNumber): MaybeAsync<FrameContents>;
  append(batches: readonly FrameBatch[]): MaybeAsync<void>;
  trim(acked: number): MaybeAsync<void>;
  replace(acked: number, batches: readonly FrameBatch[], sent: number): MaybeAsync<void>;
  mark(sent: number): MaybeAsync<void>;
  remember(ticket: Ticket): MaybeAsync<void>;
}

/**
 * Makes a write of each call, with the head that it keeps in memory. Only the present session needs
 * these calls: `core` writes itself.
 */
export function outboxCalls(store: OutboxStore): OutboxCalls {
  const { isDurable, maxMessages, maxBytes, faults$ } = store;
  let head = EMPTY_OUTBOX;

  const write = (fields: Partial<OutboxHead>, batches: readonly FrameBatch[] = [], replaces = false): MaybeAsync<void> => {
    const before = head;
    const mine = (head = { ...head, ...fields });
    return attempt(
      () => store.write({ head: mine, batches: batches.map(storedOf), replaces }),
      noop,
      (error) => {
        // The numbers of batches that were not stored are free again.
        if (head === mine) head = before;
        else if (batches.length > 0) head = { ...head, last: before.last };
        throw error;
      },
    );
  };
  return {
    isDurable,
    maxMessages,
    maxBytes,
    open: (hello) =>
      chain(store.open(hello), ({ pid, epoch, batches, ...opened }) => {
        head = opened;
        const { acked, last, mark: sent, ticket } = opened;
        return { pid, epoch, acked, last, sent, ticket, batches: batches.map(frameOf) };
      }),
    append: (batches) => write({ last: Math.max(head.last, ...batches.map(lastOf)) }, batches),
    trim: (acked) => (acked > head.acked ? write({ acked }) : undefined),
    replace: (acked, batches, sent) => write({ acked, mark: sent, last: Math.max(acked, ...batches.map(lastOf)) }, batches, true),
    mark: (mark) => write({ mark }),
    remember: ({ sid, rt, former = [] }) => write({ ticket: { sid, rt, former } }),
    close: () => store.close(),
    ...(faults$ && { faults$ }),
  };
}

const lastOf = ({ first, count }: FrameBatch): number => first + count - 1;

function storedOf({ first, count, frame, delivery }: FrameBatch): StoredBatch {
  const isSkip = typeof frame === 'string' && frame.startsWith('["skip",');
  return { first, count, body: isSkip ? '' : frame, level: delivery };
}

function frameOf({ first, count, body, level }: StoredBatch): FrameBatch {
  const numbers = Array.from({ length: body.length > 0 ? 0 : count }, (_, index) => first + index);
  const frame = body.length > 0 ? body : controlFrame('skip', numbers);
  return { first, count, frame, delivery: level === 'exactly-once' ? level : 'at-least-once' };
}
