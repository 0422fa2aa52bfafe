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
const transport = chatTransport(wire, { hasMessage });

function Chat() {
  const { messages, sendMessage, regenerate, stop, status, error } = useChat({ id, transport, resume: true, messages: saved() });
  const [text, setText] = useState('Count to 60');
  const { status: connection } = useConnection();
  const isBusy = status === 'submitted' || status === 'streaming';

  useEffect(() => {
    const finished = isBusy && messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages;
    if (finished.length > 0) localStorage.setItem(id, JSON.stringify(finished));
  }, [messages, isBusy]);

  return (
    <main>
      <p role="status">
        {connection}, {status}
      </p>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={message.role}>
            {message.parts.map((part) => (part.type === 'text' ? part.text : ''))}
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
