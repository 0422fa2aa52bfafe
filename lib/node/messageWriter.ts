import { createSending } from '../app/sending/createSending.js';
import type { MessageSink } from '../app/sending/pullFrom.js';
import type { SendingWire } from '../app/sending/sendOptions.js';
import { MessageRefusedError } from '../errors.js';
import type { Message } from '../message/types.js';

/** Sends the messages of one stream, one after the other. */
export interface MessageWriter {
  start(): void;
  /**
   * Sends a message, and calls back when the next one may be written. To be called again only after
   * that.
   */
  write(message: Message, done: () => void): void;
  /** Calls back when all messages have their acks. */
  end(done: () => void): void;
  /** Stops. The wire keeps the messages that are sent. */
  stop(): void;
}

/**
 * Creates a writer. `ahead` messages are sent and have no outcome yet, at most.
 *
 * @param onFailed Called once, with the error of the wire, or of the first message that is given up
 *   or becomes a dead letter. No callback is called after that.
 */
export function createMessageWriter(wire: SendingWire, ahead: number, onFailed: (error: unknown) => void): MessageWriter {
  let sink: MessageSink | undefined;
  let waiting: { readonly message: Message; readonly done: () => void } | undefined;
  let onEnd: (() => void) | undefined;

  const sending = createSending(
    wire,
    (to) => {
      sink = to;
      const pull = (): void => {
        if (!waiting || !to.hasRoom()) return;
        const { message, done } = waiting;
        waiting = undefined;
        to.next(message);
        done();
      };
      return { pull, release: () => (waiting = undefined) };
    },
    {
      next({ id, outcome }) {
        if (outcome !== 'dead-lettered') return;
        sending.stop();
        // The other side keeps the message, but a stream must not have a hole.
        onFailed(new MessageRefusedError(id, 'ERR_HANDLER', 'its handler has failed, and the message is a dead letter there'));
      },
      error: onFailed,
      complete: () => onEnd?.(),
    },
    { ahead, emitFailed: false, isHeld: false },
  );
  return {
    start: () => sending.start(),
    write(message, done) {
      if (!sink?.hasRoom()) waiting = { message, done };
      else {
        sink.next(message);
        done();
      }
    },
    end(done) {
      onEnd = done;
      sink?.end();
    },
    stop: () => sending.stop(),
  };
}
