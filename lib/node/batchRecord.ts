import { crc32 } from 'node:zlib';
import type { StoredBatch } from '../session/store/outboxStore.js';
import type { BatchKey } from './lmdbDatabases.js';

/** The size of the header: a checksum of all that follows, and the flags. */
const HEADER = 5;
const IS_TEXT = 1;
const IS_EXACTLY_ONCE = 2;

export function batchKey(name: string, { first, count, body }: StoredBatch): BatchKey {
  return [name, first, count, Buffer.byteLength(body)];
}

/** Returns the stored record of a batch. */
export function encodeBatch({ body, level }: StoredBatch): Buffer {
  const record = Buffer.alloc(HEADER + Buffer.byteLength(body));
  record.writeUInt8((typeof body === 'string' ? IS_TEXT : 0) | (level === 'exactly-once' ? IS_EXACTLY_ONCE : 0), 4);
  if (typeof body === 'string') record.write(body, HEADER);
  else record.set(body, HEADER);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return record;
}

/** Returns the batch; undefined if the record is invalid or was changed. */
export function decodeBatch([, first, count]: BatchKey, record: Buffer): StoredBatch | undefined {
  if (record.length < HEADER || record.readUInt32LE(0) !== crc32(record.subarray(4))) return undefined;
  const flags = record.readUInt8(4);
  const bytes = record.subarray(HEADER);
  return {
    first,
    count,
    body: flags & IS_TEXT ? bytes.toString() : new Uint8Array(bytes),
    level: flags & IS_EXACTLY_ONCE ? 'exactly-once' : 'at-least-once',
  };
}
