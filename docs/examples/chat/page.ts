import { channel, connect, createMessage, sentenceOf, webSocket, type Message } from 'rxwire';
import type { ChatMessages, Said } from './messages.js';

const wire = connect({ link: webSocket(`${location.origin.replace(/^http/, 'ws')}/wire`) });
const room = channel<ChatMessages>(wire, 'room', { from: { last: 100 } });

const find = <E extends Element>(selector: string): E => document.querySelector<E>(selector)!;
const lines = find<HTMLOListElement>('#lines');
const nameInput = find<HTMLInputElement>('#name');
const textInput = find<HTMLInputElement>('#text');

/** Shows a message at the end of the list. A message that was shown while it waited moves there. */
function show({ id, payload: { name, text } }: Message<'room.said', Said>, status: string): void {
  const line = document.getElementById(id) ?? document.createElement('li');
  const author = document.createElement('b');
  author.textContent = name;
  line.id = id;
  line.className = status;
  line.title = '';
  line.replaceChildren(author, ` ${text}`);
  lines.append(line);
  line.scrollIntoView();
}

function say(text: string): void {
  const message = createMessage('room.said', { name: nameInput.value || 'Guest', text });
  show(message, 'waiting');
  room.send(message).catch((error: unknown) => {
    show(message, 'failed');
    document.getElementById(message.id)!.title = sentenceOf(error);
  });
}

// Each message of the room: the latest 100, those of this page, and those that were sent while this page was offline.
room.subscribe({
  next: (message) => show(message, 'done'),
  error: (error: unknown) => (find('#status').textContent = sentenceOf(error)),
});

room.presence$.subscribe({
  next: ({ members }) => {
    const names = members.map(({ state }) => (typeof state === 'string' ? state : 'Guest'));
    find('#people').textContent = `Here now: ${names.join(', ')}`;
  },
  error: () => (find('#people').textContent = ''),
});

wire.state$.subscribe(({ status, error }) => {
  const texts: Partial<Record<typeof status, string>> = {
    connected: 'online',
    error: sentenceOf(error),
  };
  find('#status').textContent = texts[status] ?? 'offline: what you send now is sent later';
});

find('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = textInput.value.trim();
  if (text !== '') say(text);
  textInput.value = '';
});
nameInput.value = sessionStorage.getItem('name') ?? 'Guest';
nameInput.addEventListener('change', () => {
  sessionStorage.setItem('name', nameInput.value);
  room.updatePresence(nameInput.value);
});
room.updatePresence(nameInput.value);
