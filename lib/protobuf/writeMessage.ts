import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { WireType } from '@bufbuild/protobuf/wire';
import { ENVELOPE_VERSION } from '../message/messageLimits.js';
import type { Message, MessageMetadata } from '../message/types.js';

/** The encoded payload. */
export type EncodedPayload = { readonly data: Uint8Array } | { readonly json: string } | undefined;

const { Varint, Bit64, LengthDelimited } = WireType;

/**
 * Appends a message in the format of rxwire.proto. Written by hand, because every envelope passes
 * through it.
 */
export function writeMessage(writer: BinaryWriter, message: Message, payload: EncodedPayload): void {
  const { id, type, timestamp, version, source, target, correlationId, replyTo, ttl, priority, headers, metadata } = message;
  const text = (field: number, value: string): unknown => writer.tag(field, LengthDelimited).string(value);
  text(1, id);
  text(2, type);
  writer.tag(3, Bit64).double(timestamp);
  if (version !== ENVELOPE_VERSION) text(4, version);
  if (source !== '') text(5, source);
  if (payload && 'data' in payload) writer.tag(6, LengthDelimited).bytes(payload.data);
  else if (payload) text(7, payload.json);
  if (target !== undefined) text(8, target);
  if (correlationId !== undefined) text(9, correlationId);
  if (replyTo !== undefined) text(10, replyTo);
  if (ttl !== undefined) writer.tag(11, Bit64).double(ttl);
  if (priority !== undefined) writer.tag(12, Varint).int32(priority);
  if (headers) text(13, JSON.stringify(headers));
  if (metadata) writeMetadata(writer.tag(14, LengthDelimited).fork(), metadata);
}

function writeMetadata(writer: BinaryWriter, metadata: MessageMetadata): void {
  const { retryCount, maxRetries, deliveryTag, routingKey, persistent, compressed, encrypted, ...others } = metadata;
  const text = (field: number, value: string): unknown => writer.tag(field, LengthDelimited).string(value);
  const number = (field: number, value?: number): unknown => value !== undefined && writer.tag(field, Bit64).double(value);
  const flag = (field: number, value?: boolean): unknown => value !== undefined && writer.tag(field, Varint).bool(value);
  number(1, retryCount);
  number(2, maxRetries);
  if (deliveryTag !== undefined) text(3, deliveryTag);
  if (routingKey !== undefined) text(4, routingKey);
  flag(5, persistent);
  flag(6, compressed);
  flag(7, encrypted);
  if (Object.keys(others).length > 0) text(8, JSON.stringify(others));
  writer.join();
}
