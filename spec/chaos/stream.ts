import { createMessage, type Message } from '../../lib/index.js';
import { createChance } from '../simulation/chance.js';

/** The options of a process of a stream. */
export interface StreamSetup {
  readonly role: 'server' | 'writer' | 'reader';
  readonly seed: number;
  /** The server's folder; the file of a reader. */
  readonly folder: string;
  readonly port: number;
}

export const CHANNEL = 'run.1';

/** A piece of the output, and the time before it, in ms. */
interface Piece {
  readonly text: string;
  readonly pause: number;
}

/** Returns the output of a seed. */
export function pieces(seed: number): readonly Piece[] {
  const { pick, whole } = createChance(seed);
  const count = whole(200, 1_000);
  return Array.from({ length: count }, (_, index) => ({
    text: `${index}:${'x'.repeat(pick([0, 1, 10, 80, 80, 500, 5_000]))};`,
    pause: pick([0, 0, 0, 1, 2, 5, 20]),
  }));
}

export const joinPieces = (messages: readonly Message[]): Message =>
  createMessage('run.output', messages.map(({ payload }) => payload as string).join(''));
