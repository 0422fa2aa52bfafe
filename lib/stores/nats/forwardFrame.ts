import type { ForwardedRequest, ForwardedResponse } from '../../wire/session/serverCluster.js';
import type { NatsContext } from './natsContext.js';

export const FrameKind = {
  /** To the node of the link: the head of the request, as JSON. */
  REQUEST: 0,
  /** A piece of the body of the request. */
  BODY: 1,
  BODY_END: 2,
  /** The client has disconnected. */
  ABORT: 3,
  /** From the node of the link: it wants the body. */
  CONTINUE: 4,
  /** The head of the response, as JSON. */
  RESPONSE: 5,
  /** A piece of the body of the response. */
  RESPONSE_BODY: 6,
} as const;

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/**
 * One byte for the kind, four for the number, big-endian. The frames of each direction are numbered
 * 0, 1, 2 …: NATS may lose messages, and keeps their order.
 */
const HEADER_SIZE = 5;

/** The maximum size of a frame: larger ones would delay other messages of the connection. */
const MAX_FRAME = 256 * 1024;

export function maxPiece({ maxPayload }: FrameContext): number {
  return Math.min(maxPayload(), MAX_FRAME) - HEADER_SIZE;
}

type FrameContext = Pick<NatsContext, 'connection' | 'maxPayload'>;

/**
 * Creates the functions for the frames of a forwarded request at one of its nodes. Those that send
 * throw if the connection is closed.
 * @param reply Where the other node sends its frames, if it may send some.
 */
export function createFrames(context: FrameContext, subject: string, reply?: string) {
  let [sent, received] = [0, 0];
  const write = (kind: FrameKind, payload: Uint8Array = new Uint8Array()): void => {
    const header = Buffer.alloc(HEADER_SIZE);
    header[0] = kind;
    header.writeUInt32BE(sent++, 1);
    context.connection.publish(subject, Buffer.concat([header, payload]), reply === undefined ? {} : { reply });
  };
  return {
    write,
    writePieces(kind: FrameKind, payload: Uint8Array): void {
      const size = maxPiece(context);
      for (let at = 0; at < payload.length; at += size) write(kind, payload.subarray(at, at + size));
    },
    /** Reads the next frame of the other node; returns `undefined` if one is missing. */
    read(data: Uint8Array): { readonly kind: number; readonly payload: Uint8Array } | undefined {
      if (data.length < HEADER_SIZE || bufferOf(data).readUInt32BE(1) !== received++) return undefined;
      return { kind: data[0] ?? 0, payload: data.subarray(HEADER_SIZE) };
    },
  };
}

export type Frames = ReturnType<typeof createFrames>;

export function isFirstFrame(data: Uint8Array): boolean {
  return data.length >= HEADER_SIZE && data[0] === FrameKind.REQUEST;
}

/** The head of a response, with the size of the body in bytes. */
export type ResponseHead = Omit<ForwardedResponse, 'body'> & { readonly size: number };

export type RequestHead = Omit<ForwardedRequest, 'body$'>;

export function encodeHead(head: RequestHead | ResponseHead): Uint8Array {
  return Buffer.from(JSON.stringify(head));
}

export function decodeHead(payload: Uint8Array): unknown {
  return JSON.parse(bufferOf(payload).toString());
}

export function encodeIds(ids: readonly number[], maxSize: number): readonly Uint8Array[] {
  const size = Math.floor(maxSize / 4);
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, index) => {
    const part = ids.slice(index * size, (index + 1) * size);
    const data = Buffer.alloc(part.length * 4);
    for (const [at, id] of part.entries()) data.writeUInt32BE(id, at * 4);
    return data;
  });
}

export function decodeIds(data: Uint8Array): readonly number[] {
  return Array.from({ length: Math.floor(data.length / 4) }, (_, at) => bufferOf(data).readUInt32BE(at * 4));
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
