import { concatMap, defer, type MonoTypeOperatorFunction, type SchedulerLike, Subject, tap } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { Codec, Direction } from '../../codec/codec.js';
import { json } from '../../codec/json.js';
import { CallbackError, ProtocolError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import { byteLength } from '../../message/bytes.js';
import { asInput, attempt, chain, type MaybeAsync } from '../../message/maybeAsync.js';
import { steadyScheduler, wallTime } from '../../message/steadyScheduler.js';
import { describedBy, type DescribedLink, type Frame, type Link } from '../../io/link.js';
import type { Message } from '../../message/types.js';
import { decodeBody } from './encoding.js';
import {
  type ArrivedBatch,
  invalid,
  readAck,
  readBinaryBatch,
  readControl,
  readRejectFrame,
  readSkip,
  readTextBatch,
  wholeNumber,
} from '../../core/frameFormat.js';
import type { NumberedRejection } from '../../core/rejection.js';

/** One frame of a session, as {@link inspected} has seen it. */
export interface InspectedFrame {
  /** The number of the connection: 1 is the first one of the link. */
  readonly connection: number;
  readonly direction: 'sent' | 'received';
  /** When the frame was sent or received, in ms since the epoch. */
  readonly at: number;
  /** The size in bytes; text is counted as UTF-8. */
  readonly size: number;
  /** The name of the frame in docs/protocol.md; `unreadable` if it violates the protocol. */
  readonly kind: 'hello' | 'welcome' | 'auth' | 'bye' | 'msg' | 'skip' | 'reject' | 'ack' | 'ping' | 'unreadable';
  /** The number of the first message of a batch; 0 if its messages have no numbers. */
  readonly first?: number;
  /** The number of messages of a batch. */
  readonly count?: number;
  /** Whether an earlier connection has carried a message of this batch already. */
  readonly isResent: boolean;
  /**
   * The ack that the frame is, or carries: all messages up to `done` are processed, and `credit`
   * more may be sent.
   */
  readonly ack?: { readonly done: number; readonly credit: number };
  /** The messages of a batch. Absent if the frame is no batch, or could not be decoded. */
  readonly messages?: readonly Message[];
  /** The other fields of the frame, by name. Credentials and resume tokens are replaced by `…`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Why the frame could not be read or decoded. */
  readonly error?: unknown;
  /** The frame itself. It may contain credentials. */
  readonly frame: Frame;
}

/** The state of a connection, as {@link inspected} reports it. */
export interface InspectedConnection {
  /** The number of the connection, as in its frames. */
  readonly connection: number;
  /** `lost`: it has failed, or could not be opened. `closed`: one of the sides has ended it. */
  readonly status: 'open' | 'closed' | 'lost';
  /** When this happened, in ms since the epoch. */
  readonly at: number;
  /** The name of its transport, such as `websocket`. */
  readonly protocol?: string;
  /** Why it was lost. */
  readonly error?: unknown;
}

export interface InspectOptions {
  /** The codecs of the session, to decode the messages. @default json() */
  readonly codec?: Codec | readonly Codec[];
  /**
   * Called with each frame, in the order of the connection. An exception is an uncaught error
   * (`config.onUnhandledError`, or a warning of the process); the connection is not affected.
   */
  readonly onFrame: (frame: InspectedFrame) => void;
  /**
   * Called when a connection is open and when it ends, in order with its frames. An exception has
   * the same effect as one of `onFrame`.
   * @default none
   */
  readonly onConnection?: (event: InspectedConnection) => void;
  /** The scheduler for the clock. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** The frames that may wait for an asynchronous codec. Further ones are reported undecoded. */
const MAX_WAITING = 1_000;
/** The fields of a handshake that open a session. */
const SECRETS: ReadonlySet<string> = new Set(['token', 'rt', 'former']);

type BatchFrame = Extract<SessionFrame, { readonly kind: 'msg' }>;

type Content = Omit<InspectedFrame, 'connection' | 'direction' | 'at' | 'size' | 'frame'>;

/**
 * Reports each frame of a session in both directions, decoded: for a log, or for a developer who
 * watches a connection. It changes nothing of what the link sends, nor when. It is for the client's
 * side of a session.
 *
 * @param link The link to inspect, such as `webSocket(url)`.
 * @returns A link that behaves as `link`, and describes itself as it does.
 * @example
 * import { connect, inspected, webSocket } from 'rxwire';
 *
 * const link = inspected(webSocket('ws://127.0.0.1:4870/wire'), {
 *   onFrame: ({ direction, kind, first, isResent }) =>
 *     console.log(direction, kind, first, isResent),
 * });
 * const wire = connect({ link });
 */
export function inspected(link: Link<Frame> & DescribedLink, options: InspectOptions): Link<Frame> & DescribedLink {
  checkOptions('inspected', options);
  const { codec = json(), onFrame, onConnection, scheduler = steadyScheduler() } = options;
  const contentOf = createReader([codec].flat());
  const reports$ = new Subject<() => MaybeAsync<() => unknown>>();
  let waiting = 0;
  const onFailed = (cause: unknown): void => reportUncaught(new CallbackError('onFrame', cause));
  reports$.pipe(concatMap((read) => asInput(read()))).subscribe((report) => void callSafely(report, onFailed));
  let connections = 0;

  const inspect: Link<Frame> = (outgoing) =>
    defer(() => {
      const connection = ++connections;
      const report = (direction: InspectedFrame['direction']): MonoTypeOperatorFunction<Frame> =>
        tap((frame) => {
          const seen = { connection, direction, at: wallTime(scheduler), size: byteLength(frame), frame };
          const content = contentOf(frame, direction, ++waiting <= MAX_WAITING);
          reports$.next(() =>
            chain(content(), (rest) => () => {
              waiting--;
              return onFrame({ ...seen, ...rest });
            }),
          );
        });
      const change = (status: InspectedConnection['status'], failure?: Pick<InspectedConnection, 'error'>): void => {
        const { protocol } = link;
        const event = { connection, status, at: wallTime(scheduler), ...(protocol !== undefined && { protocol }), ...failure };
        reports$.next(() => () => onConnection?.(event));
      };
      // A link subscribes to `outgoing` when the connection is open.
      const opened$ = outgoing.pipe(tap({ subscribe: () => change('open') }), report('sent'));
      return link(opened$).pipe(
        report('received'),
        tap({
          error: (error: unknown) => change('lost', { error }),
          complete: () => change('closed'),
          unsubscribe: () => change('closed'),
        }),
      );
    });
  return describedBy(inspect, () => link);
}

/**
 * Reads frames in the order of the connection. The functions that it returns decode the messages.
 */
function createReader(codecs: readonly Codec[]) {
  const highest = { sent: 0, received: 0 };
  let pid = '';
  let [codec] = codecs;

  /** Remembers what later frames need: the outbox, the codec, whether the numbers start again. */
  const follow = (kind: 'hello' | 'welcome', fields: Readonly<Record<string, unknown>>): void => {
    if (kind === 'hello') {
      if (typeof fields['pid'] === 'string') ({ pid } = fields as { readonly pid: string });
      return;
    }
    codec = codecs.find(({ name }) => name === fields['codec']) ?? codec;
    if (fields['known'] !== true) highest.sent = 0;
    if (fields['resumed'] !== true) highest.received = 0;
  };
  const readBatch = ({ first, count, body, done, credit }: BatchFrame, to: InspectedFrame['direction'], isDecoded: boolean) => {
    const isResent = first > 0 && first <= highest[to];
    highest[to] = Math.max(highest[to], first > 0 ? first + count - 1 : 0);
    const content: Content = { kind: 'msg', first, count, isResent, ...(done >= 0 && { ack: { done, credit } }) };
    const direction: Direction = to === 'sent' ? 'to-server' : 'to-client';
    const [used, context] = [codec, { direction, pid, first, count }];
    return (): MaybeAsync<Content> => {
      if (!used || !isDecoded) return content;
      return attempt(
        () => decodeBody(used, body, context),
        (messages): Content => ({ ...content, messages }),
        (error) => ({ ...content, error }),
      );
    };
  };

  return (frame: Frame, direction: InspectedFrame['direction'], isDecoded: boolean): (() => MaybeAsync<Content>) => {
    let read: SessionFrame;
    try {
      read = readFrame(frame);
    } catch (error) {
      const violation = new ProtocolError((error as Error).message);
      return () => ({ kind: 'unreadable', isResent: false, error: violation });
    }
    if (read.kind === 'msg') return readBatch(read, direction, isDecoded);
    const { kind } = read;
    const fields = fieldsOf(read);
    if (kind === 'hello' || kind === 'welcome') follow(kind, fields);
    const ack = read.kind === 'ack' && { ack: { done: read.done, credit: read.credit } };
    return () => ({ kind, isResent: false, fields, ...ack });
  };
}

/** Returns the fields of a frame that is no batch, without its secrets. */
function fieldsOf(read: Exclude<SessionFrame, BatchFrame>): Readonly<Record<string, unknown>> {
  const { kind, ...own } = read;
  const { value } = own as { readonly value?: unknown };
  if (!('value' in own)) return own;
  if (typeof value !== 'object' || value === null) return { value: kind === 'auth' && typeof value === 'string' ? '…' : value };
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, SECRETS.has(name) ? '…' : (field as unknown)]));
}

/** A frame between the two sides of a session. docs/protocol.md describes the protocol. */
export type SessionFrame =
  | { readonly kind: 'hello' | 'welcome' | 'auth' | 'bye'; readonly value: unknown }
  | ({ readonly kind: 'msg' } & ArrivedBatch)
  | { readonly kind: 'skip'; readonly numbers: readonly number[] }
  | { readonly kind: 'reject'; readonly rejections: readonly NumberedRejection[] }
  | { readonly kind: 'ack'; readonly done: number; readonly credit: number; readonly delay: number }
  | { readonly kind: 'ping'; readonly sent: number };

/** Reads a frame for a person, or a tool. @throws {Violation} If the frame is invalid. */
export function readFrame(frame: Frame): SessionFrame {
  const batch = typeof frame === 'string' ? readTextBatch(frame) : readBinaryBatch(frame);
  if (batch) return { kind: 'msg', ...batch };
  const [kind, value, credit, delay, rejected] = readControl(frame as string);
  switch (kind) {
    case 'hello':
    case 'welcome':
    case 'auth':
    case 'bye':
      return { kind, value };
    case 'skip':
      return { kind, numbers: readSkip(value) };
    case 'reject':
      return { kind, rejections: readRejectFrame(value) };
    case 'ack': {
      const ack = readAck(value, credit, delay, rejected);
      return { kind, done: ack.done, credit: ack.credit, delay: ack.delay };
    }
    case 'ping':
      return { kind, sent: wholeNumber(value) };
    default:
      return invalid('the frame is unknown');
  }
}
