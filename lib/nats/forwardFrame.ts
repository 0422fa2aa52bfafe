import type { ForwardedRequest, ForwardedResponse } from '../session/serverCluster.js';
import type { NatsContext } from './natsContext.js';

/** The kinds of the frames of one forwarded request. */
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

/** Returns the maximum size of a frame's payload, in bytes. */
export function maxPiece({ maxPayload }: FrameContext): number {
  return Math.min(maxPayload(), MAX_FRAME) - HEADER_SIZE;
}

type FrameContext = Pick<NatsContext, 'connection' | 'maxPayload'>;

/**
 * Creates the functions that send the frames of one direction of a forwarded request. They throw if
 * the connection is closed.
 * @param reply Where the other node sends its frames, if it may send some.
 */
export function createFrameWriter(context: FrameContext, subject: string, reply?: string) {
  let number = 0;
  const write = (kind: FrameKind, payload: Uint8Array = new Uint8Array()): void => {
    const data = new Uint8Array(HEADER_SIZE + payload.length);
    data[0] = kind;
    new DataView(data.buffer).setUint32(1, number++);
    data.set(payload, HEADER_SIZE);
    context.connection.publish(subject, data, reply === undefined ? {} : { reply });
  };
  return {
    write,
    /** Sends the payload in as many frames as it takes. */
    writePieces(kind: FrameKind, payload: Uint8Array): void {
      const size = maxPiece(context);
      for (let at = 0; at < payload.length; at += size) write(kind, payload.subarray(at, at + size));
    },
  };
}

/** Returns whether a frame begins a request. */
export function isFirstFrame(data: Uint8Array): boolean {
  return data.length >= HEADER_SIZE && data[0] === FrameKind.REQUEST;
}

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/**
 * Creates a function that reads the frames of one direction. It returns `undefined` if a frame is
 * missing.
 */
export function createFrameReader(): (data: Uint8Array) => Frame | undefined {
  let expected = 0;
  return (data) => {
    if (data.length < HEADER_SIZE) return undefined;
    const number = new DataView(data.buffer, data.byteOffset).getUint32(1);
    if (number !== expected++) return undefined;
    return { kind: data[0] ?? 0, payload: data.subarray(HEADER_SIZE) };
  };
}

/** The head of a response. */
export interface ResponseHead extends Pick<ForwardedResponse, 'status' | 'headers'> {
  /** The size of the body in bytes. */
  readonly size: number;
}

/** The head of a request. */
export type RequestHead = Omit<ForwardedRequest, 'body$'>;

export function encodeHead(head: RequestHead | ResponseHead): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(head));
}

/**
 * Decodes a head, which another node has encoded.
 * @throws {SyntaxError} If it is no JSON.
 */
export function decodeHead(payload: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(payload));
}

/** The subject of the requests to a node. */
export function requestsSubject(cluster: string, node: string): string {
  return `${cluster}.node.${node}.requests`;
}

/**
 * The last token of the subject of {@link encodeIds}; in its place, responses have the id of a
 * request.
 */
export const ALIVE = 'alive';

/** How often a node reports the requests that it has not yet answered, in ms. */
export const ALIVE_INTERVAL = 1_000;

/**
 * Encodes the ids of requests that a node has not yet answered, in as many messages as it takes.
 */
export function encodeIds(ids: readonly number[], maxSize: number): readonly Uint8Array[] {
  const perMessage = Math.floor(maxSize / 4);
  return Array.from({ length: Math.ceil(ids.length / perMessage) }, (_, index) => {
    const part = ids.slice(index * perMessage, (index + 1) * perMessage);
    const view = new DataView(new ArrayBuffer(part.length * 4));
    part.forEach((id, at) => view.setUint32(at * 4, id));
    return new Uint8Array(view.buffer);
  });
}

export function decodeIds(data: Uint8Array): readonly number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return Array.from({ length: Math.floor(data.length / 4) }, (_, at) => view.getUint32(at * 4));
}
