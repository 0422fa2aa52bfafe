/** Runs it as in a browser, where there is only what takes its time: its cipher, and its streams. */
export function withoutNode<T>(run: () => T): T {
  const descriptor = Object.getOwnPropertyDescriptor(process, 'getBuiltinModule')!;
  Object.defineProperty(process, 'getBuiltinModule', { value: undefined, configurable: true });
  try {
    return run();
  } finally {
    Object.defineProperty(process, 'getBuiltinModule', descriptor);
  }
}
