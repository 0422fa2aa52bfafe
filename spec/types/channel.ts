import { of, type Observable } from 'rxjs';
import {
  channel,
  connect,
  createMessage,
  hub,
  memoryChannelLog,
  memoryLink,
  type Authorization,
  type ChannelBroadcast,
  type ChannelEntry,
  type ChannelLog,
  type ChannelPosition,
  type Frame,
  type RxwireError,
} from 'rxwire';

const [link] = memoryLink<Frame>();
const wire = connect({ link });
const room = channel(wire, 'room.1', { answerTimeout: 1_000 });

// The position of a message, unless it is ephemeral.
export const position: Promise<ChannelPosition | undefined> = room.send(createMessage('note', 'hello'));
export const onServer: Promise<ChannelPosition | undefined> = hub().channel('room.1').send(createMessage('note', 'hello'));
// @ts-expect-error an ephemeral message has no position
export const always: Promise<ChannelPosition> = room.send(createMessage('note', 'hello'));
// @ts-expect-error a channel publishes messages
void room.send('hello');
room.state$.subscribe(({ error }) => error satisfies RxwireError | undefined);

// A denial may have a reason.
hub({ authorize: () => true });
hub({ authorize: () => ({ reason: 'You are muted.' }) });
hub({ authorize: () => Promise.resolve<Authorization>({ reason: 'You are muted.' }) });
hub({ authorize: ({ action }) => of<Authorization>(action === 'join' || { reason: 'You are muted.' }) });
// @ts-expect-error a reason is a text
hub({ authorize: () => ({ reason: 42 }) });
// @ts-expect-error a text alone is no answer
hub({ authorize: () => 'You are muted.' });

// A log need not broadcast, and its tail may emit entries only.
const { append, read } = memoryChannelLog();
declare const tail: () => Observable<ChannelEntry>;
export const log: ChannelLog = { append, read, tail };
declare const emitted: ChannelEntry | ChannelBroadcast;
if (emitted.offset === undefined) emitted satisfies ChannelBroadcast;
else emitted satisfies ChannelEntry;
