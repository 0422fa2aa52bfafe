/** The element of that id, which the page is known to have. */
export const byId = (id: string): HTMLElement => the(id, HTMLElement);

/** The element of that id and kind. */
export function the<E extends Element>(id: string, kind: abstract new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new TypeError(`the page has no ${kind.name} of id ${id}`);
}

/** A new element with text in it: data never becomes markup here. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, text: string, className = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

/** Sets text only where it changes, so that live regions speak once. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
