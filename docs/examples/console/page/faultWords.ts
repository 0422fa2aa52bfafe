import type { LinkCondition } from 'rxwire/testing';
import type { Kind } from './timeline.js';

/** A fault that the user has made. */
export type Fault = 'cut' | 'black hole' | 'offline' | 'transport' | 'session' | 'program';

export interface Situation {
  readonly condition: LinkCondition;
  readonly isConnected: boolean;
  readonly isRunning: boolean;
  /** The latest fault; none yet, or its end has been told. */
  readonly fault: Fault | undefined;
  /** Whether the connection was lost since that fault. */
  readonly wasLost: boolean;
  /** How long the connection was away, in ms. */
  readonly away: number;
  /** Messages of the run that is shown: those resent since the fault, and all that are lost and doubled. */
  readonly counts: { readonly resent: number; readonly lost: number; readonly doubled: number };
  /** The time that each frame takes longer, in ms. */
  readonly lag: { readonly least: number; readonly most: number };
}

/** Says what is happening, and what was lost. */
export function describeSituation(situation: Situation): { readonly kind: Kind; readonly text: string } {
  const { condition, isConnected, fault, wasLost, lag } = situation;
  if (condition === 'black hole') return { kind: 'bad', text: `${isConnected ? UNNOTICED : NOTICED} ${meanwhile(situation)}` };
  if (condition === 'cut') return { kind: 'bad', text: `No connection can be opened. ${meanwhile(situation)}` };
  if (!isConnected) return { kind: 'wait', text: `${broken[fault ?? 'offline'] ?? OFFLINE} ${meanwhile(situation)}` };
  if (fault === 'program')
    return { kind: 'good', text: 'The process has died. All that it had printed is here, and the page says how it ended.' };
  if (fault !== undefined && wasLost) return { kind: 'good', text: back(situation) };
  if (fault !== undefined) return { kind: 'wait', text: broken[fault] ?? OFFLINE };
  if (lag.most > 0) return { kind: 'wait', text: `Slow: each frame takes ${range(lag)} longer, in each direction. The order stays.` };
  return { kind: 'plain', text: 'Nothing is broken. Run a program, then break something while it prints.' };
}

const UNNOTICED = 'Every frame disappears, and neither side has noticed yet: that takes 5 s.';
const NOTICED = 'The page has noticed the silence, and tries to reconnect.';

const OFFLINE = 'There is no connection. The page tries again.';

/** The text of the panel while there is no connection, by its reason. */
const broken: Readonly<Partial<Record<Fault, string>>> = {
  cut: 'The connection is cut. The page reconnects.',
  'black hole': 'The black hole is gone. The page reconnects.',
  offline: OFFLINE,
  transport: 'The page changes its transport.',
  session: 'The server has forgotten this page. A new session begins.',
};

function meanwhile({ isRunning }: Situation): string {
  return isRunning ? 'The server keeps what the program prints.' : 'What you write is kept, and sent later.';
}

function back({ away, counts: { resent, lost, doubled } }: Situation): string {
  return `Back after ${(away / 1_000).toFixed(1)} s. ${count(resent, 'message')} of this run resent, ${lost} lost, ${doubled} doubled.`;
}

export function range({ least, most }: Situation['lag']): string {
  return least === most ? `${most} ms` : `${least} to ${most} ms`;
}

export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
