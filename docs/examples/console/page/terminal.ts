import type { OutputPiece } from '../messages.js';
import { byId, make } from './dom.js';
import { followEnd } from './followEnd.js';

/** Older lines than these are let go. */
const MAX_LINES = 2_000;

export interface Terminal {
  clear(): void;
  print(pieces: readonly OutputPiece[]): void;
}

interface Chunk {
  readonly node: Element;
  readonly lines: number;
}

/** What the program prints, as text. The view follows the end unless the reader has scrolled up. */
export function createTerminal(): Terminal {
  const [output, dropped] = [byId('lines'), byId('dropped')];
  const follow = followEnd(byId('screen'));
  let chunks: Chunk[] = [];
  let [shown, gone] = [0, 0];

  const append = ({ data, stream }: OutputPiece): void => {
    const node = make('span', data, stream);
    const lines = data.split('\n').length - 1;
    output.append(node);
    chunks.push({ node, lines });
    shown += lines;
  };
  const trim = (): void => {
    while (shown > MAX_LINES && chunks.length > 1) {
      const oldest = chunks.shift();
      oldest?.node.remove();
      shown -= oldest?.lines ?? 0;
      gone += oldest?.lines ?? 0;
    }
    dropped.hidden = gone === 0;
    dropped.textContent = `${gone.toLocaleString('en')} earlier lines are not shown`;
  };

  return {
    print(pieces) {
      pieces.forEach(append);
      trim();
      follow();
    },
    clear() {
      chunks = [];
      [shown, gone] = [0, 0];
      byId('empty').hidden = true;
      output.replaceChildren();
      trim();
    },
  };
}
