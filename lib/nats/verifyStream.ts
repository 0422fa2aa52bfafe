import type { NatsContext } from './natsContext.js';
import type { Epochs, StreamEpoch } from './streamEpochs.js';
import { openStream } from './openStream.js';

/** The position of a server in the stream. */
export interface StreamPosition {
  streamEpoch: StreamEpoch;
  /** The last received message of any channel. */
  head: number;
  /** The number of bytes since the epoch marker was written. */
  bytes: number;
}

/** The state of the stream. */
export interface StreamStatus {
  readonly streamEpoch: StreamEpoch;
  /** The last message of the stream. */
  readonly last: number;
  readonly bytes: number;
}

/** Checks whether the stream still contains the reached position; if not, starts another epoch. */
export async function verifyStream(context: NatsContext, epochs: Epochs, position: StreamPosition | undefined): Promise<StreamStatus> {
  const { state } = await openStream(context);
  const streamEpoch = await epochs.current();
  const status = { streamEpoch, last: state.last_seq, bytes: state.bytes };
  // The stream has lost its end, for example after a power failure, and reuses sequence numbers.
  const isBehind = streamEpoch.epoch === position?.streamEpoch.epoch && state.last_seq < position.head;
  return isBehind ? { ...status, streamEpoch: await epochs.renew(streamEpoch) } : status;
}
