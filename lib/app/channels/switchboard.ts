import { noop, Subscription } from 'rxjs';
import type { RxwireError } from '../../errors.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { channelIn, isOfChannels } from './payloads.js';

/** What a channel hears of its wire. */
export interface Line {
  /** A message about this channel. Must not throw. */
  readonly receive: (message: Message) => void;
  /** The server may not know of us any more. */
  readonly doubt: (why: 'restarted' | 'lost' | 'missed') => void;
  /** The wire has ended; with an error, if that is how. */
  readonly end: (error?: unknown) => void;
}

/** All channels of a wire share one subscription, and one look into a map for each message. */
export interface Switchboard {
  plug(name: string, line: Line): void;
  unplug(name: string): void;
}

const REASONS = { ERR_SESSION_LOST: 'lost', ERR_MISSED: 'missed' } as const;

export function createSwitchboard(wire: Wire): Switchboard {
  const lines = new Map<string, Line>();
  let listening: Subscription | undefined;

  const each = (tell: (line: Line) => void): void => [...lines.values()].forEach(tell);
  const receive = (message: Message): void => {
    if (!isOfChannels(message)) return;
    if (message.type === 'channel.reset') {
      each((line) => line.doubt('restarted'));
      return;
    }
    const name = nameIn(message);
    if (name !== undefined) lines.get(name)?.receive(message);
  };
  const end = (): void => {
    const { status, error } = wire.state;
    each((line) => line.end(status === 'error' ? error : undefined));
  };
  const listen = (): void => {
    listening = new Subscription();
    const next = ({ code }: RxwireError): void => {
      if (code === 'ERR_SESSION_LOST' || code === 'ERR_MISSED') each((line) => line.doubt(REASONS[code]));
    };
    // These end with the wire, however it ends: of one that is unsubscribed, subscribers are not told.
    const errors = wire.errors$.subscribe({ next, complete: end });
    listening.add(errors);
    if (!errors.closed) listening.add(wire.subscribe({ next: receive, error: noop }));
  };

  return {
    plug(name, line) {
      lines.set(name, line);
      if (!listening) listen();
    },
    unplug(name) {
      lines.delete(name);
      if (lines.size > 0) return;
      listening?.unsubscribe();
      listening = undefined;
    },
  };
}

/** Of what a server says of no channel, nobody is told. */
function nameIn({ payload }: Message): string | undefined {
  try {
    return channelIn(payload);
  } catch {
    return undefined;
  }
}
