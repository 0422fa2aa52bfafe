import { setTimeout as delay } from 'node:timers/promises';
import { MockLanguageModelV4 } from 'ai/test';

/** The time between two words, in ms. */
const PAUSE = 20;

/** The calls of a model. */
export interface ModelCalls {
  readonly asked: (prompt: string) => void;
  readonly stopped: () => void;
}

type StreamPart = Awaited<ReturnType<MockLanguageModelV4['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;
type Prompt = Parameters<MockLanguageModelV4['doStream']>[0]['prompt'];

/**
 * Returns a language model that needs no key: it counts, to 60 or to the number in the question.
 * Replace it by that of a provider of the AI SDK.
 */
export function countingModel({ asked, stopped }: ModelCalls): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doStream({ prompt, abortSignal }) {
      const question = questionIn(prompt);
      asked(question);
      abortSignal?.addEventListener('abort', stopped);
      return Promise.resolve({ stream: streamOf(count(Number(/\d+/.exec(question)?.[0] ?? 60), abortSignal)) });
    },
  });
}

async function* count(words: number, signal: AbortSignal | undefined): AsyncGenerator<StreamPart, void> {
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id: '1' };
  for (let word = 1; word <= words; word++) {
    await delay(PAUSE, undefined, { signal });
    yield { type: 'text-delta', id: '1', delta: `${word} ` };
  }
  yield { type: 'text-end', id: '1' };
  const inputTokens = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 };
  const outputTokens = { total: words, text: words, reasoning: 0 };
  yield { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: { inputTokens, outputTokens } };
}

function streamOf(parts: AsyncGenerator<StreamPart, void>): ReadableStream<StreamPart> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

function questionIn(prompt: Prompt): string {
  const question = prompt.at(-1);
  return question?.role === 'user' ? question.content.map((part) => (part.type === 'text' ? part.text : '')).join('') : '';
}
