import type { UIMessage, UIMessageChunk } from 'ai';
import type { ObservableInput } from 'rxjs';
import type { Wire } from '../../wire/wire.js';

/**
 * The chunks of an answer. With TypeScript 5 and the DOM types, a `ReadableStream` is no
 * `ObservableInput`.
 */
export type ChatAnswer = ObservableInput<UIMessageChunk> | ReadableStream<UIMessageChunk>;

/** A question, for the handler that answers it. */
export interface ChatTurn<M extends UIMessage = UIMessage, W extends Wire = Wire> {
  readonly chatId: string;
  /** Names the answer: the same for a question that is sent again. */
  readonly answerId: string;
  readonly trigger: 'submit-message' | 'regenerate-message';
  /** The message to regenerate. */
  readonly messageId: string | undefined;
  /** The messages of the client, which may be anything: check them with `validateUIMessages`. */
  readonly messages: M[];
  /** The `body` and the `metadata` that the page has passed to `sendMessage`. */
  readonly body: unknown;
  readonly metadata: unknown;
  /**
   * Aborted when a user stops the answer, and when the log does not take it. Pass it to the model.
   */
  readonly signal: AbortSignal;
  /** The wire of the client that asks. It may end before the answer does. */
  readonly wire: W;
}

/** Returns the chunks of an answer: the result of `toUIMessageStream()`, or any other source. */
export type ChatHandler<M extends UIMessage = UIMessage, W extends Wire = Wire> = (
  turn: ChatTurn<M, W>,
) => ChatAnswer | Promise<ChatAnswer>;
