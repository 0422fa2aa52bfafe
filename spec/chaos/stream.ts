import { createMessage, type Message } from '../../lib/index.js';
import { createChance } from '../simulation/chance.js';

/** The options of a process of a stream. */
export interface StreamSetup {
  readonly role: 'server' | 'writer' | 'reader' | 'lateReaders';
  readonly seed: number;
  /** The server's folder; the file of a reader. */
  readonly folder: string;
  /** The number of a writer. It writes a part of its output at each message. The first writer ends the channel at the message behind them. */
  readonly writer?: number;
  readonly port: number;
}

export const CHANNEL = 'run.1';
export const WRITERS = 2;
/** The number of steps of a storm, and of parts of an output. */
export const STEPS = 12;

/** A piece of the output, and the time before it, in ms. */
interface Piece {
  readonly text: string;
  readonly pause: number;
}

/** Returns the output of a writer. */
export function pieces(seed: number, writer: number): readonly Piece[] {
  const { pick, whole } = createChance(seed * WRITERS + writer);
  const count = whole(200, 1_000);
  return Array.from({ length: count }, (_, index) => ({
    text: `${writer}:${index}:${'x'.repeat(pick([0, 1, 10, 80, 80, 500, 5_000]))};`,
    pause: pick([0, 0, 0, 1, 2, 5, 20]),
  }));
}

export const joinPieces = (messages: readonly Message[]): Message =>
  createMessage('run.output', messages.map(({ payload }) => payload as string).join(''));
