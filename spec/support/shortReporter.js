import { relative } from 'node:path';
import { env, stderr } from 'node:process';

/** @param {string} text */
const print = (text) => stderr.write(`${text.trimEnd()}\n`);

/** How often the reporter prints the number of suites, in ms. */
const INTERVAL = Number(env['SUITES_INTERVAL'] ?? 15_000);

/** A reporter of jest: prints suites that fail, the output of tests, how many suites are done, and one line at the end. `npm test` uses it. */
// eslint-disable-next-line no-restricted-exports -- jest loads the default export
export default class ShortReporter {
  #printed = Date.now();

  onTestResult(_test, { testFilePath, failureMessage, console }, { numTotalTestSuites, numPassedTestSuites, numFailedTestSuites }) {
    const file = relative('.', testFilePath);
    for (const { type, message, origin } of console ?? []) print(`${file} calls console.${type}: ${message}\n${origin}`);
    if (failureMessage) print(`FAIL ${file}\n${failureMessage}`);
    if (Date.now() - this.#printed < INTERVAL) return;
    this.#printed = Date.now();
    print(`${numPassedTestSuites + numFailedTestSuites} of ${numTotalTestSuites} suites done`);
  }

  onRunComplete(_contexts, { testResults, numPassedTests, numFailedTests, startTime }) {
    const failed = testResults
      .filter(({ failureMessage }) => failureMessage)
      .map(({ testFilePath }) => `FAIL ${relative('.', testFilePath)}`);
    const seconds = ((Date.now() - startTime) / 1_000).toFixed(0);
    print([...failed, `${testResults.length} suites in ${seconds} s: ${numPassedTests} tests passed, ${numFailedTests} failed`].join('\n'));
  }
}
