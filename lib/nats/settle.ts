import type { Broker } from './broker.js';
import type { Epochs, Era } from './epochs.js';
import { openStream } from './stream.js';

/** How far a server has come in the stream. */
export interface Place {
  era: Era;
  /** The last message that it has had, of any channel. */
  head: number;
  /** What has come since the mark of the epoch was written, in bytes. */
  bytes: number;
}

/** How the stream was found. */
export interface Settled {
  readonly era: Era;
  /** The last message in it. */
  readonly last: number;
  readonly bytes: number;
}

/** Looks whether the stream is still the one in which we have come to a place: else it is in another epoch. */
export async function settle(broker: Broker, epochs: Epochs, place: Place | undefined): Promise<Settled> {
  const { state } = await openStream(broker);
  const era = await epochs.current();
  const settled = { era, last: state.last_seq, bytes: state.bytes };
  // It has lost its end, as after a loss of power, and gives numbers again that it has given before.
  const isBehind = era.epoch === place?.era.epoch && state.last_seq < place.head;
  return isBehind ? { ...settled, era: await epochs.renew(era) } : settled;
}
