import type { Observable, SchedulerLike } from 'rxjs';
import { ABANDONED, NORMAL } from '../../message/closeCode.js';
import type { Frame } from '../link.js';
import { closeOfError, errorOfClose, type StreamClose } from '../streamFrames.js';
import type { SharedConnection, Stream, StreamUser } from './sharedConnection.js';

/** The part of a `BroadcastChannel` that tabs use. */
export interface BroadcastChannelLike {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** A class of channels between tabs. */
export type BroadcastChannelConstructor = new (name: string) => BroadcastChannelLike;

/** Returns the `BroadcastChannel` of the browser, if there is one. */
export const browserChannel = (): BroadcastChannelConstructor | undefined =>
  (globalThis as { readonly BroadcastChannel?: BroadcastChannelConstructor }).BroadcastChannel;

/** The parts of the platform that tabs use to find each other. */
export interface TabPlatform {
  readonly BroadcastChannel: BroadcastChannelConstructor;
  /** Holds a lock, see `held` of `webLocks.ts`. */
  readonly hold: (name: string, steal?: boolean) => Observable<void>;
  readonly scheduler: SchedulerLike;
}

/** How long the last messages of a tab may take, after its lock is free, in ms. */
const LAST_MESSAGES = 100;

/** The messages that two tabs send each other besides frames. */
type Control = readonly ['opened' | 'full' | 'ping' | 'pong'] | readonly ['closed', ...StreamClose];

/** A channel that only two tabs listen to. */
function channelOf(
  { BroadcastChannel }: TabPlatform,
  name: string,
  onFrame: (frame: Frame) => void,
  onControl: (control: Control) => void,
) {
  const channel = new BroadcastChannel(name);
  let isOpen = true;
  channel.onmessage = ({ data }) => {
    if (!isOpen) return;
    if (Array.isArray(data)) onControl(data as unknown as Control);
    else onFrame(data as Frame);
  };
  const post = (data: unknown): void => {
    if (isOpen) channel.postMessage(data);
  };
  return {
    control: (control: Control): void => post(control),
    // The platform would copy all of the memory that a view shares.
    frame: (frame: Frame): void => post(typeof frame !== 'string' && frame.length < frame.buffer.byteLength ? frame.slice() : frame),
    close(): void {
      isOpen = false;
      channel.close();
    },
  };
}

/** A stream of a connection that another tab holds. */
export interface RemoteStream extends Stream {
  /** Asks the other tab for an answer, which is any message. */
  ping(): void;
}

/**
 * Opens a stream over the connection of another tab. This tab holds a lock with the name of the
 * channel, so that the other tab notices its end.
 *
 * @param request Requests the stream from the other tab, which listens to no channel before.
 * @param onHeard Called with each message of the other tab.
 */
export function remoteStream(
  platform: TabPlatform,
  name: string,
  user: StreamUser,
  request: () => void,
  onHeard: () => void,
): RemoteStream {
  const onControl = ([kind, code, reason = '']: Control): void => {
    onHeard();
    if (kind === 'opened') user.opened(stream);
    else if (kind === 'full') user.full();
    else if (kind === 'closed') user.ended(errorOfClose([code, reason]));
  };
  const onFrame = (frame: Frame): void => {
    onHeard();
    user.next(frame);
  };
  const channel = channelOf(platform, name, onFrame, onControl);
  const lock = platform.hold(name).subscribe({ next: request, error: (error: unknown) => user.ended(error) });
  const stream: RemoteStream = {
    send: (frame) => channel.frame(frame),
    ping: () => channel.control(['ping']),
    close(reason) {
      channel.control(['closed', ...reason]);
      channel.close();
      lock.unsubscribe();
    },
  };
  return stream;
}

/** Gives another tab a stream of the connection of this tab. */
export function serveTab(platform: TabPlatform, name: string, connection: SharedConnection): void {
  let stream: Stream | undefined;
  const channel = channelOf(
    platform,
    name,
    (frame) => stream?.send(frame),
    ([kind, ...reason]) => {
      if (kind === 'ping') channel.control(['pong']);
      else if (kind === 'closed') leave(reason as unknown as StreamClose);
    },
  );
  const leave = (reason: StreamClose): void => {
    finish();
    stream?.close(reason);
  };
  const finish = (): void => {
    channel.close();
    gone.unsubscribe();
  };
  // The other tab has closed or crashed when this tab gets its lock: nothing more is to come.
  const onGone = (): void => {
    gone.add(platform.scheduler.schedule(() => leave([ABANDONED, '']), LAST_MESSAGES));
  };
  const gone = platform.hold(name).subscribe({ next: onGone, error: () => leave([ABANDONED, '']) });
  stream = connection.open({
    opened(open) {
      stream = open;
      channel.control(['opened']);
    },
    next: (frame) => channel.frame(frame),
    ended(error) {
      channel.control(['closed', ...(error === undefined ? ([NORMAL, ''] as const) : closeOfError(error))]);
      finish();
    },
    full() {
      channel.control(['full']);
      finish();
    },
  });
}
