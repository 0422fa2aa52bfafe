/** Keeps the end of a scrolled view in sight, unless the reader has scrolled up: also when the view gets smaller. Call the function that it returns when something was added. */
export function followEnd(view: Element): () => void {
  let isAtEnd = true;
  const follow = (): void => {
    if (isAtEnd) view.scrollTop = view.scrollHeight;
  };
  view.addEventListener('scroll', () => (isAtEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 24), { passive: true });
  new ResizeObserver(follow).observe(view);
  return follow;
}
