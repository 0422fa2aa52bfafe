import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const timeMessage = 'Time is an option: take a scheduler.';
const clocks = ['setTimeout', 'setInterval', 'setImmediate', 'performance', 'requestAnimationFrame'].map((name) => ({
  name,
  message: timeMessage,
}));
const platform = ['Buffer', 'process', 'global', 'require', 'window', 'document', 'localStorage'].map((name) => ({
  name,
  message: 'This floor runs everywhere: look it up on globalThis, and do without it.',
}));

const restrictedSyntax = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: timeMessage },
  {
    selector: ':not(AssignmentPattern) > MemberExpression[object.name="Math"][property.name="random"]',
    message: 'Chance is an option: take a `random`, with Math.random as its default value.',
  },
  {
    selector: 'NewExpression[callee.name="Observable"]:has(CallExpression[callee.property.name="subscribe"])',
    message: 'Compose built-in operators, or use subscribing/operate: a bare Observable around `subscribe` leaks and loses errors.',
  },
];

export default defineConfig(
  // The templates of `rxwire new` are projects of their own: npm run example:angular and npm run check:package compile them.
  globalIgnores(['dist/', 'coverage/', '.tmp/', 'docs/examples/{angular,assistant,chat,deploy,express,fastify,nest,script}/']),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description', minimumDescriptionLength: 5 }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // An open map of types: `keyof Map & string` is no mistake.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNullish: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': ['error', ...clocks],
      'no-restricted-properties': ['error', { object: 'Date', property: 'now', message: timeMessage }],
      'no-restricted-syntax': [
        'error',
        ...restrictedSyntax,
        {
          selector: 'ClassDeclaration:not([superClass])',
          message: 'Functions and closures; classes are for errors, the Subject, and objects that each connection or request has.',
        },
      ],
    },
  },
  {
    // A server has one of these for each of its clients, channels or requests, and a client for each channel: closures would take several times the memory of a class.
    files: [
      'lib/core/**',
      'lib/channels/**',
      'lib/wire/session/**',
      'lib/server/**',
      'lib/wire/**',
      'lib/io/acceptedSocket.ts',
      'lib/io/http/httpLink.ts',
      'lib/operators/channels/channelReaders.ts',
      'lib/operators/channels/channelRequests.ts',
      'lib/operators/channels/membership.ts',
      'lib/server/hub/hubChannel.ts',
      'lib/server/hub/hubClient.ts',
      'lib/operators/requests/handlerRun.ts',
      'lib/operators/routing/use.ts',
      'lib/operators/buffers/ring.ts',
      'lib/stores/nats/logState.ts',
      'lib/stores/nats/natsStore.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', ...restrictedSyntax] },
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/server/**', 'lib/stores/{lmdb,nats,postgres}/**', 'lib/adapters/{node,cli}/**'],
    rules: { 'no-restricted-globals': ['error', ...clocks, ...platform] },
  },
  {
    // Time, chance and IO are inputs and outputs of the core, and of the rules of channels.
    files: ['lib/core/**', 'lib/channels/**'],
    rules: {
      // Each half of a session is one machine, with its state in one place.
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': [
        'error',
        ...clocks,
        ...platform,
        ...['queueMicrotask', 'Promise', 'crypto', 'fetch', 'WebSocket', 'navigator', 'Date'].map((name) => ({
          name,
          message: 'The core knows no IO: its host calls it, and takes its outputs.',
        })),
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Chance is an option of the core.' }],
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { paths: [{ name: 'rxjs', allowTypeImports: true, message: 'A host has the streams: rules are called, and return.' }] },
      ],
    },
  },
  {
    // The loop of a session: connection, session and wire meet in it.
    files: ['lib/wire/session/sessionHost.ts'],
    rules: { 'max-lines': ['error', { max: 450, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ['scripts/**', 'docs/examples/**', 'spec/bench/**', 'spec/fuzz/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['spec/**', 'marbles/**'],
    rules: {
      // A test hands functions about, breaks types on purpose and looks into what it knows to be there.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off', // jest's matchers are `any`
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(skip|only|todo)$/]',
          message: 'Every test runs.',
        },
      ],
    },
  },
  {
    // The configuration files of jest, eslint and VitePress have to be default exports.
    files: ['*.config.{js,ts}', 'docs/.vitepress/**/*.ts'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-restricted-exports': 'off' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { require: 'readonly', exports: 'writable', process: 'readonly' } },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  prettier,
);
