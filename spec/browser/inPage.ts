/** Does it in a task of the page's own: while a debugger asks for something, the policy allows it all. */
export const inPage = <T>(work: () => T | Promise<T>): Promise<T> => new Promise((resolve) => setTimeout(resolve)).then(work);
