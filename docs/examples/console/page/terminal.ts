import { animationFrameScheduler, Subject } from 'rxjs';
import { batchByKey } from 'rxwire';
import { byId, make } from './dom.js';

/** Older lines than these are let go. */
const MAX_LINES = 2_000;

export type Stream = 'stdout' | 'stderr';

export interface Terminal {
  clear(): void;
  print(text: string, stream: Stream): void;
}

interface Chunk {
  readonly node: Element;
  readonly lines: number;
}

/** What the program prints, painted once a frame. It follows the end unless the reader has scrolled up. */
export function createTerminal(): Terminal {
  const [screen, output, dropped] = [byId('screen'), byId('lines'), byId('dropped')];
  const pieces$ = new Subject<{ readonly text: string; readonly stream: Stream }>();
  let chunks: Chunk[] = [];
  let [shown, gone] = [0, 0];

  const append = (text: string, stream: Stream): void => {
    const node = make('span', text, stream);
    const lines = text.split('\n').length - 1;
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

  pieces$.pipe(batchByKey(() => 0, { maxSize: 256, maxWait: 0, scheduler: animationFrameScheduler })).subscribe(({ items }) => {
    const isAtEnd = screen.scrollHeight - screen.scrollTop - screen.clientHeight < 24;
    for (const { text, stream } of items) append(text, stream);
    trim();
    if (isAtEnd) screen.scrollTop = screen.scrollHeight;
  });

  return {
    print: (text, stream) => pieces$.next({ text, stream }),
    clear() {
      chunks = [];
      [shown, gone] = [0, 0];
      byId('empty').hidden = true;
      output.replaceChildren();
      trim();
    },
  };
}
