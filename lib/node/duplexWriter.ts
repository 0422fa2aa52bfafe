import type { Duplex } from 'node:stream';
import type { SendingWire } from '../app/sending/sendOptions.js';
import { StreamClosedError } from '../errors.js';
import type { Message } from '../message/types.js';
import { DUPLEX_WINDOW, weightOf, type DuplexPart } from './duplexParts.js';
import { createMessageWriter } from './toWritable.js';

export interface DuplexWriterOptions {
  readonly wire: SendingWire;
  readonly type: string;
  /** Identifies the duplex. */
  readonly id: string;
  readonly ahead: number;
  readonly toMessage: (part: DuplexPart) => Message;
  /** Called with the error that ends the duplex. */
  readonly onFailed: (error: unknown) => void;
}

/** Sends the bytes of a duplex: as many as the other side has room for. */
export function createDuplexWriter({ wire, type, id, ahead, toMessage, onFailed }: DuplexWriterOptions) {
  const messages = createMessageWriter(wire, ahead, onFailed);
  let offset = 0;
  /** The weight of the parts that were sent, and of those that the other side has read. */
  let sent = 0;
  let taken = 0;
  let onTaken = (): void => undefined;

  /** Calls back when the other side has read all parts but those of this weight. */
  const whenTaken = (rest: number, then: () => void): void => {
    if (sent - taken <= rest) then();
    else
      onTaken = () => {
        if (sent - taken > rest) return;
        onTaken = () => undefined;
        then();
      };
  };
  const send = (part: DuplexPart, weight: number, done: () => void): void => {
    whenTaken(DUPLEX_WINDOW - weight, () => {
      sent += weight;
      messages.write(toMessage(part), done);
    });
  };

  return {
    /** Announces the duplex to the other side. */
    open(): void {
      messages.start();
      messages.write(toMessage({ duplex: id, offset, bytes: new Uint8Array() }), () => undefined);
    },
    write(bytes: Uint8Array, done: () => void): void {
      const part = { duplex: id, offset, bytes };
      offset += bytes.length;
      send(part, weightOf(bytes), done);
    },
    /** Calls back when the other side has read everything, and the end. */
    end(done: () => void): void {
      send({ duplex: id, offset, end: true }, weightOf(), () => whenTaken(0, () => messages.end(done)));
    },
    /** @throws {StreamClosedError} When the other side cannot have read that much. */
    receive(duplex: string, weight: number): void {
      if (duplex !== id) return;
      if (weight > sent) throw new StreamClosedError(type, 'the other side has read more than was sent');
      taken = Math.max(taken, weight);
      onTaken();
    },
    /** Whether bytes or the end would be lost now. */
    isLoss: ({ writableFinished, writableEnded, writableLength }: Duplex): boolean =>
      !writableFinished && (writableEnded || writableLength > 0 || sent > taken),
    stop: () => messages.stop(),
  };
}
