import { sentenceOf, type Sentences } from 'rxwire';

/** The console shows what a page usually hides: what became of its messages. */
const sentences: Sentences = {
  ERR_ACK_TIMEOUT: 'The server did not confirm a message in time. It may have arrived.',
  ERR_CHANNEL_ENDED: 'What this page was reading has ended.',
  ERR_DECODE: 'A message could not be read, and was set aside.',
  ERR_IN_DOUBT: 'The server may or may not have had a message. It was not sent again.',
  ERR_MISSED: 'The server gave up messages that were too old. The page reads them from the log.',
  ERR_SESSION_LOST: 'The server has forgotten this page. A new session goes on: sent messages again, output from the log.',
};

/** Returns what to tell people about an error: a sentence, without its code. */
export function wordsFor(error: unknown): string {
  const { message } = Object(error) as { readonly message?: unknown };
  return sentenceOf(error, { ...sentences, other: String(message ?? error).replace(/\bERR_[A-Z_]+(: )?/g, '') });
}
