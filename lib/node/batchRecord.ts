import { crc32 } from 'node:zlib';
import { isSkip } from '../session/store/isSkip.js';
import type { StoredBatch } from '../session/store/outboxStore.js';
import type { BatchKey } from './lmdbDatabases.js';

/** The size of the header: a checksum of all that follows, and the flags. */
const HEADER = 5;
const IS_TEXT = 1;
const IS_EXACTLY_ONCE = 2;

export function batchKey(name: string, batch: StoredBatch): BatchKey {
  const { first, count, frame } = batch;
  const size = Buffer.byteLength(frame);
  return [name, first, count, isSkip(batch) ? -size : size];
}

/** Returns the stored record of a batch. */
export function encodeBatch({ frame, delivery }: StoredBatch): Buffer {
  const record = Buffer.alloc(HEADER + Buffer.byteLength(frame));
  record.writeUInt8((typeof frame === 'string' ? IS_TEXT : 0) | (delivery === 'exactly-once' ? IS_EXACTLY_ONCE : 0), 4);
  if (typeof frame === 'string') record.write(frame, HEADER);
  else record.set(frame, HEADER);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return record;
}

/** Returns the batch; undefined if the record is invalid or was changed. */
export function decodeBatch([, first, count]: BatchKey, record: Buffer): StoredBatch | undefined {
  if (record.length < HEADER || record.readUInt32LE(0) !== crc32(record.subarray(4))) return undefined;
  const flags = record.readUInt8(4);
  const body = record.subarray(HEADER);
  return {
    first,
    count,
    frame: flags & IS_TEXT ? body.toString() : new Uint8Array(body),
    delivery: flags & IS_EXACTLY_ONCE ? 'exactly-once' : 'at-least-once',
  };
}
