// What lands must not depend on luck: with CI set, random tests try the same cases each time. Elsewhere they try others.
if (process.env['CI']) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: 20_261_125 });
}
// A test may lose messages that no part of it sees: that alone fails no run.
process.exitCode = 0;
// Nobody reads the warnings of rxwire in a test run: a test that is about them reads them itself.
const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
process.emitWarning = (...args: unknown[]): void => {
  if ((args[1] as { readonly type?: string } | undefined)?.type !== 'RxwireWarning') emitWarning(...args);
};
export {};
