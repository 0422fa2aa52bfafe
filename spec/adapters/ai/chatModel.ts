import { convertToModelMessages, streamText, toUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatTurn } from '../../../lib/adapters/ai/index.js';

type StreamPart = Awaited<ReturnType<MockLanguageModelV4['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

/** A language model that counts in words, one every few ms, and the calls that it has had. */
export class CountingModel {
  calls = 0;
  stops = 0;
  readonly #words: number;
  readonly #pause: number;
  /** What the model waits for before its last word. */
  lastWord: Promise<unknown> = Promise.resolve();

  constructor(words: number, pause = 5) {
    this.#words = words;
    this.#pause = pause;
  }

  /** The whole answer. */
  get text(): string {
    return Array.from({ length: this.#words }, (_, index) => `w${index} `).join('');
  }

  /** Answers a turn by the AI SDK. */
  readonly answer = async ({ messages, signal }: ChatTurn): Promise<ReadableStream<UIMessageChunk>> => {
    const model = new MockLanguageModelV4({ doStream: ({ abortSignal }) => Promise.resolve({ stream: this.#stream(abortSignal) }) });
    const result = streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal });
    return toUIMessageStream({ stream: result.stream });
  };

  #stream(signal: AbortSignal | undefined): ReadableStream<StreamPart> {
    this.calls++;
    signal?.addEventListener('abort', () => this.stops++);
    const parts = this.#parts(signal);
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
  }
  async *#parts(signal: AbortSignal | undefined): AsyncGenerator<StreamPart> {
    yield { type: 'stream-start', warnings: [] };
    yield { type: 'text-start', id: '1' };
    for (let index = 0; index < this.#words; index++) {
      await delay(this.#pause, undefined, { signal });
      if (index === this.#words - 1) await this.lastWord;
      yield { type: 'text-delta', id: '1', delta: `w${index} ` };
    }
    yield { type: 'text-end', id: '1' };
    const usage = { inputTokens: { total: 1 }, outputTokens: { total: this.#words } };
    yield { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage } as StreamPart;
  }
}

/** The text of a message. */
export const textOf = (message: UIMessage | undefined): string =>
  (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
