import { useChat } from '@ai-sdk/react';
import type { UIMessage } from 'ai';
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, RxwireError, sentenceOf, webSocket } from 'rxwire';
import { chatTransport } from 'rxwire/ai';
import { useConnection, WireProvider } from 'rxwire/react';

const wire = connect({ link: webSocket(`${location.origin.replace(/^http/, 'ws')}/wire`) });
/** The chat of this page: all pages with the same address show it. */
const id = location.hash.slice(1) || 'chat-1';

/** The browser keeps the messages of the chat, all but an answer that is not finished. */
const saved = (): UIMessage[] => JSON.parse(localStorage.getItem(id) ?? '[]') as UIMessage[];
/** An answer may end while the page is loaded again: it is resumed unless it is saved. */
const hasMessage = (messageId: string): boolean => saved().some((message) => message.id === messageId);
/** Questions have no images: one may be larger than a message may be. */
const withoutFiles = (message: UIMessage): UIMessage => ({ ...message, parts: message.parts.filter(({ type }) => type !== 'file') });
const transport = chatTransport(wire, { hasMessage, select: (messages) => messages.map(withoutFiles) });

function save(messages: readonly UIMessage[]): void {
  try {
    localStorage.setItem(id, JSON.stringify(messages));
  } catch {
    // The browser has no room for the images.
    localStorage.setItem(id, JSON.stringify(messages.map(withoutFiles)));
  }
}

function Chat() {
  const { messages, sendMessage, regenerate, stop, status, error } = useChat({ id, transport, resume: true, messages: saved() });
  const [text, setText] = useState('Count to 60');
  const { status: connection } = useConnection();
  const isBusy = status === 'submitted' || status === 'streaming';

  useEffect(() => {
    const finished = isBusy && messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages;
    if (finished.length > 0) save(finished);
  }, [messages, isBusy]);

  return (
    <main>
      <p role="status">
        {connection}, {status}
      </p>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={message.role}>
            {message.parts.map((part, index) => {
              if (part.type === 'text') return part.text;
              return part.type === 'file' ? <img key={index} src={part.url} alt="from the model" /> : '';
            })}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error instanceof RxwireError ? sentenceOf(error) : error.message}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void sendMessage({ text });
        }}
      >
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} />
        {isBusy ? (
          <button key="stop" type="button" onClick={() => void stop()}>
            Stop
          </button>
        ) : (
          <button key="send">Send</button>
        )}
        <button type="button" disabled={isBusy || messages.length === 0} onClick={() => void regenerate()}>
          Again
        </button>
      </form>
    </main>
  );
}

const root = document.getElementById('root') ?? document.body;
createRoot(root).render(
  <StrictMode>
    <WireProvider wire={wire}>
      <Chat />
    </WireProvider>
  </StrictMode>,
);
