import type { UIMessageChunk } from 'ai';
import {
  catchError,
  defer,
  EMPTY,
  filter,
  fromEvent,
  ignoreElements,
  map,
  merge,
  mergeMap,
  Subject,
  takeUntil,
  tap,
  timer,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { channel, ofType } from 'rxwire';
import { chatTransport, stopChat } from 'rxwire/ai';
import { assistantChannelOf, newQuestion } from '../messages.js';
import { byId, make, setText, the } from './dom.js';
import { wordsFor } from './errorWords.js';
import { followEnd } from './followEnd.js';
import type { SharedWorkspace } from './workspace.js';

/** Shows the questions and answers of a workspace, which all its pages see, and sends those of this page. */
export function showAssistant({ wire, id }: SharedWorkspace): Observable<never> {
  const [list, stop, status] = [byId('talk'), byId('assistant-stop'), byId('assistant-status')];
  const [form, input] = [the('ask', HTMLFormElement), the('question', HTMLInputElement)];
  const follow = followEnd(byId('talk-view'));
  const transport = chatTransport(wire);
  const conversation = channel(wire, assistantChannelOf(id), { from: 'start' });
  /** The answers that are not finished, the latest last. */
  const open = new Map<string, HTMLElement>();
  const answered$ = new Subject<string>();

  const show = (answer: HTMLElement, text: string): void => {
    setText(answer, text);
    follow();
  };
  const showOpen = (): void => {
    stop.ariaDisabled = String(open.size === 0);
    setText(status, open.size === 0 ? '' : 'answering');
  };
  /** Shows an answer while it is written. */
  const read = (chatId: string, answer: HTMLElement): Observable<unknown> =>
    // The end of an earlier answer is on its way.
    timer(0).pipe(
      mergeMap(() => transport.reconnectToStream({ chatId })),
      mergeMap((stream): ObservableInput<UIMessageChunk> => stream ?? EMPTY),
      tap((chunk) => {
        if (chunk.type === 'text-delta') show(answer, answer.textContent + chunk.delta);
        if (chunk.type === 'error') close(chatId, `${answer.textContent} (${chunk.errorText})`);
      }),
      takeUntil(answered$.pipe(filter((answered) => answered === chatId))),
      catchError((error: unknown) => {
        close(chatId, wordsFor(error));
        return EMPTY;
      }),
    );
  const close = (chatId: string, text: string): void => {
    const answer = open.get(chatId);
    if (!answer) return;
    open.delete(chatId);
    show(answer, text);
    showOpen();
    answered$.next(chatId);
  };

  const asked$ = conversation.pipe(
    ofType('assistant.asked'),
    mergeMap(({ payload: { chatId, text } }) => {
      const [question, answer] = [make('li', text, 'question'), make('li', '', 'answer')];
      list.append(question, answer);
      byId('talk-empty').hidden = true;
      open.set(chatId, answer);
      showOpen();
      follow();
      return read(chatId, answer);
    }),
  );
  const closed$ = conversation.pipe(
    ofType('assistant.answered'),
    tap(({ payload: { chatId, text, isStopped } }) => close(chatId, isStopped ? `${text} … (stopped)` : text)),
  );
  const send = (text: string): Observable<unknown> =>
    defer(() => {
      const chatId = newQuestion(id);
      const messages = [{ id: chatId, role: 'user' as const, parts: [{ type: 'text' as const, text }] }];
      return transport.sendMessages({ chatId, trigger: 'submit-message', messageId: undefined, messages, abortSignal: undefined });
    }).pipe(
      // This page reads its answer as all others do.
      mergeMap((stream) => stream.cancel()),
      catchError((error: unknown) => {
        setText(status, wordsFor(error));
        return EMPTY;
      }),
    );
  const sent$ = fromEvent(form, 'submit').pipe(
    tap((event) => event.preventDefault()),
    map(() => input.value.trim()),
    filter((text) => text !== ''),
    tap(() => (input.value = '')),
    mergeMap(send),
  );
  const stopped$ = fromEvent(stop, 'click').pipe(tap(() => [...open.keys()].forEach((chatId) => stopChat(wire, chatId))));
  showOpen();
  return merge(asked$, closed$, sent$, stopped$, toggled()).pipe(
    catchError((error: unknown) => {
      setText(status, wordsFor(error));
      return EMPTY;
    }),
    ignoreElements(),
  );
}

/** Opens and closes the panel. */
function toggled(): Observable<unknown> {
  const [section, toggle] = [byId('assistant'), byId('assistant-toggle')];
  return fromEvent(toggle, 'click').pipe(
    tap(() => {
      const isOpen = section.hidden === true;
      section.hidden = !isOpen;
      toggle.ariaExpanded = String(isOpen);
      document.body.dataset['assistant'] = isOpen ? 'open' : 'closed';
      if (isOpen) byId('question').focus();
    }),
  );
}
