import { OverflowError } from '../../errors.js';
import { firstOf } from '../../internal/firstOf.js';
import type { Message } from '../../message/types.js';
import { beginAnswer, cancelAnswer, createAnswer, type Answer, type Handler } from './answer.js';
import { createSpeech, type SpeechOptions } from './speech.js';

export interface DeskOptions extends SpeechOptions {
  /** By the type of the request. */
  readonly table: ReadonlyMap<string, Handler>;
  readonly concurrency: number;
  readonly maxWaiting: number;
}

/** Where requests are answered, as many at once as may be; the others wait. */
export interface Desk {
  take(message: Message): void;
  /** Nobody can be told any more. */
  close(): void;
}

interface Waiting {
  /** The id of the request. */
  readonly key: string;
  readonly message: Message;
  readonly handler: Handler;
}

export function createDesk(options: DeskOptions): Desk {
  const { table, concurrency, maxWaiting } = options;
  const running = new Map<string, Answer>();
  const speech = createSpeech(options, (request, error) => {
    cancel(request.id);
    speech.fail(request, error);
  });

  const onEnd = ({ id }: Message): void => {
    running.delete(id);
    line.advance();
  };
  const parts = { ...speech, onEnd };
  const start = ({ key, message, handler }: Waiting): void => {
    const answer = createAnswer(message);
    running.set(key, answer);
    beginAnswer(answer, handler, parts);
  };
  const line = createLine(start, () => running.size < concurrency);

  const cancel = (id: string): void => {
    line.waiting.delete(id);
    const answer = running.get(id);
    if (!answer) return;
    running.delete(id);
    cancelAnswer(answer, parts);
    line.advance();
  };
  const admit = (message: Message, handler: Handler): void => {
    const { id: key } = message;
    const { size } = line.waiting;
    // A repeat will be answered with the one that is here.
    if (running.has(key) || line.waiting.has(key)) return;
    if (size === 0 && running.size < concurrency) start({ key, message, handler });
    else if (size < maxWaiting) line.waiting.set(key, { key, message, handler });
    else speech.fail(message, new OverflowError('reply', maxWaiting));
  };
  return {
    take(message) {
      const { type, correlationId = '' } = message;
      const handler = table.get(type);
      if (handler) admit(message, handler);
      else if (type === 'request.cancel') cancel(correlationId);
    },
    close() {
      line.waiting.clear();
      running.forEach((answer) => cancelAnswer(answer, parts));
      running.clear();
      speech.close();
    },
  };
}

function createLine(start: (next: Waiting) => void, hasRoom: () => boolean) {
  const waiting = new Map<string, Waiting>();
  const longest = firstOf(waiting);
  let isAdvancing = false;

  return {
    waiting,
    /** Starts what may start now. A loop, not a recursion: those that are answered at once come back here. */
    advance(): void {
      if (isAdvancing || waiting.size === 0) return;
      isAdvancing = true;
      for (let next = hasRoom() ? longest() : undefined; next; next = hasRoom() ? longest() : undefined) {
        waiting.delete(next.key);
        start(next);
      }
      isAdvancing = false;
    },
  };
}
