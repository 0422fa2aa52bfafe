import type { InspectedConnection, InspectedFrame, Message } from 'rxwire';

/** Older rows than these are let go. */
export const MAX_ROWS = 1_000;

/** The messages of a larger frame are not kept, in bytes: the log has an end. */
const MAX_KEPT = 16_384;

/** A frame as the log keeps it, without its bytes. */
export type LoggedFrame = Omit<InspectedFrame, 'frame' | 'messages'> & {
  /** The types of its messages, and of those that they carry, each once. */
  readonly types: readonly string[];
  /** The types of its messages in words, each once: `channel.message › execution.output`. */
  readonly titles: readonly string[];
  /** Absent if the frame is no batch, could not be decoded, or is too large to be kept. */
  readonly messages?: readonly Message[];
};

/** A frame, or what has become of a connection. */
export type LogRow = { readonly number: number } & (
  { readonly frame: LoggedFrame; readonly event?: never } | { readonly event: InspectedConnection; readonly frame?: never }
);

export interface FrameLog {
  readonly rows: readonly LogRow[];
  /** How many rows were let go. */
  readonly dropped: number;
  readonly addFrame: (frame: InspectedFrame) => void;
  readonly addConnection: (event: InspectedConnection) => void;
  readonly clear: () => void;
}

/** The latest rows, numbered from 1. */
export function createFrameLog(): FrameLog {
  let rows: LogRow[] = [];
  let [added, dropped] = [0, 0];

  const add = (row: { readonly frame: LoggedFrame } | { readonly event: InspectedConnection }): void => {
    rows.push({ number: ++added, ...row });
    if (rows.length <= MAX_ROWS) return;
    rows.shift();
    dropped++;
  };
  return {
    get rows() {
      return rows;
    },
    get dropped() {
      return dropped;
    },
    addFrame: (frame) => add({ frame: shorten(frame) }),
    addConnection: (event) => add({ event }),
    clear() {
      rows = [];
      dropped = 0;
    },
  };
}

function shorten(seen: InspectedFrame): LoggedFrame {
  const { connection, direction, at, size, kind, first, count, isResent, ack, fields, error, messages } = seen;
  const paths = messages?.map(pathOf) ?? [];
  return {
    ...{ connection, direction, at, size, kind, isResent, error },
    ...(first !== undefined && { first }),
    ...(count !== undefined && { count }),
    ...(ack && { ack }),
    ...(fields && { fields }),
    types: [...new Set(paths.flat())],
    titles: [...new Set(paths.map((path) => path.join(' › ')))],
    ...(messages && size <= MAX_KEPT && { messages }),
  };
}

/** The type of a message, and that of the message of a channel that it carries. */
function pathOf({ type, payload }: Message): readonly string[] {
  const { message } = Object(payload) as { readonly message?: unknown };
  const { type: carried } = Object(message) as { readonly type?: unknown };
  return typeof carried === 'string' ? [type, carried] : [type];
}
