/** The messages between this page and its server: a payload for each type. Any other type is a compile error. */
export interface AppMessages {
  'note.added': { readonly text: string };
  'log.line': { readonly number: number; readonly text: string };
}
