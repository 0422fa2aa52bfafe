import { setTimeout as delay } from 'node:timers/promises';
import type { UIMessage, UIMessageChunk } from 'ai';
import type { Subscription } from 'rxjs';
import { createMessage, ReplyError, type Wire } from 'rxwire';
import { serveChat, type ChatTurn } from 'rxwire/ai';
import type { Hub } from 'rxwire/server';
import { assistantChannelOf, questionIn } from '../messages.js';

/** The time between two words, in ms. */
const PAUSE = 60;
const MAX_QUESTION = 500;
/** A question, and how its answer has ended. */
const KEPT = { messages: 200 };

/**
 * Answers questions about the text of a workspace. Each question is a chat with one answer: its name, in the channel of the workspace, is all that others need
 * to read the answer, and to stop it.
 *
 * @param textOf Returns the text of a workspace; undefined if there is no such workspace.
 */
export function createAssistant(hub: Hub, textOf: (workspace: string) => string | undefined): (wire: Wire) => Subscription {
  return serveChat(hub, (turn) => answer(hub, turn, textOf), {
    authorize: ({ chatId }) => textOf(questionIn(chatId).sandboxId) !== undefined,
    maxAnswers: 16,
    describe: (error) => (error instanceof ReplyError ? error.message : 'the assistant has failed'),
  });
}

async function* answer(
  hub: Hub,
  { chatId, messages, signal }: ChatTurn,
  textOf: (workspace: string) => string | undefined,
): AsyncGenerator<UIMessageChunk> {
  const { sandboxId } = questionIn(chatId);
  const question = textIn(messages.at(-1)).slice(0, MAX_QUESTION);
  const conversation = hub.channel(assistantChannelOf(sandboxId), { retain: KEPT });
  await conversation.send(createMessage('assistant.asked', { chatId, text: question }));
  let said = '';
  yield { type: 'start' };
  yield { type: 'text-start', id: '1' };
  for (const word of wordsAbout(textOf(sandboxId) ?? '', question)) {
    await delay(PAUSE);
    if (signal.aborted) break;
    said += `${word} `;
    yield { type: 'text-delta', id: '1', delta: `${word} ` };
  }
  yield { type: 'text-end', id: '1' };
  await conversation.send(createMessage('assistant.answered', { chatId, text: said.trim(), isStopped: signal.aborted }));
  yield { type: 'finish' };
}

const textIn = (message: UIMessage | undefined): string =>
  (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');

/** Stands for a language model: it counts, and needs no key. */
function wordsAbout(program: string, question: string): readonly string[] {
  const code = program.replace(/\/\/.*$/gm, '');
  const count = (pattern: RegExp): number => code.match(pattern)?.length ?? 0;
  const asked = question.split(/\s+/).filter((word) => word !== '').length;
  const text =
    `Words in your question: ${asked}. Lines of the program: ${program.split('\n').length}. Calls that print: ${count(/console\.\w+\(/g)}. ` +
    `Calls that wait: ${count(/\bawait\b/g)}. Loops: ${count(/\b(?:for|while)\b/g)}. I am no model, I only count. ` +
    'A real model in my place needs no other panel. Reload this page now, or stop me from another page.';
  return text.split(' ');
}
