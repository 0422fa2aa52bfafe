/**
 * Copies a text to the clipboard.
 *
 * @param done The sentence that says so.
 * @returns That sentence, or one that says why the text is not copied.
 */
export async function copyText(text: string, done: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return done;
  } catch {
    return 'The browser does not allow this page to copy.';
  }
}
