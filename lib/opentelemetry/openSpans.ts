import type { Attributes } from '@opentelemetry/api';
import type { Subscription } from 'rxjs';
import type { Receipt } from '../message/receipt.js';
import type { Wire } from '../wire/wire.js';
import type { MessageSpan } from './messageSpan.js';

interface OpenSpan {
  readonly span: MessageSpan;
  /** How often the message was sent. */
  attempts: number;
}

/**
 * The spans of messages that have no outcome yet. They have a subscription to the receipts of the
 * wire, while there are any.
 */
export interface OpenSpans {
  /** Keeps the span of a message that is going to be sent. */
  add(id: string, span: MessageSpan): void;
  /** Ends all spans: their outcomes are not known. */
  close(): void;
}

export function openSpans(wire: Pick<Wire, 'receipts$' | 'isPending'>, maxOpen: number): OpenSpans {
  const spans = new Map<string, OpenSpan>();
  let receipts: Subscription | undefined;

  const onReceipt = (receipt: Receipt): void => {
    const open = spans.get(receipt.id);
    if (!open) return;
    const { status, error } = receipt;
    if (status === 'stored') open.span.event('stored');
    if (status === 'sent') open.span.event('sent', { 'rxwire.attempt': ++open.attempts });
    if (!isFinal(receipt)) return;
    spans.delete(receipt.id);
    open.span.end(outcomeOf(receipt, open), error && { error });
    if (spans.size === 0) unwatch();
  };
  const isFinal = ({ id, status }: Receipt): boolean =>
    status === 'sent' ? !wire.isPending(id) : status !== 'queued' && status !== 'stored';
  const unwatch = (): void => {
    receipts?.unsubscribe();
    receipts = undefined;
  };
  const close = (): void => {
    unwatch();
    for (const { span, attempts } of spans.values()) span.end({ 'rxwire.outcome': 'unknown', 'rxwire.attempts': attempts });
    spans.clear();
  };
  return {
    add(id, span) {
      // The wire takes a message with the id of a pending one for the same message. Without a
      // place, and without a reader, a span does not wait.
      if (!span.isRecording || spans.has(id) || spans.size >= maxOpen) {
        span.end();
        return;
      }
      spans.set(id, { span, attempts: 0 });
      // The receipts of a wire that has ended complete at once.
      if (!receipts || receipts.closed) receipts = wire.receipts$.subscribe({ next: onReceipt, complete: close });
    },
    close,
  };
}

function outcomeOf({ status, outcome }: Receipt, { attempts }: OpenSpan): Attributes {
  return { 'rxwire.outcome': outcome ?? status, 'rxwire.attempts': attempts };
}
