export interface Sample {
  readonly title: string;
  readonly code: string;
}

export const samples: readonly Sample[] = [
  {
    title: 'A slow stream',
    code: `// Counts for eight seconds. Cut the connection meanwhile:
// no number will be missing, and none will come twice.
import { setTimeout } from 'node:timers/promises';

for (let n = 1; n <= 80; n++) {
  console.log(String(n).padStart(2), '▪'.repeat(18 + 17 * Math.sin(n / 5)));
  await setTimeout(100);
}
`,
  },
  {
    title: 'Hello, 42',
    code: `console.log(6 * 7);
`,
  },
  {
    title: 'An error',
    code: `import { readFile } from 'node:fs/promises';

console.log('Reading a file that is none of our business …');
await readFile('/etc/passwd');
`,
  },
  {
    title: 'An infinite loop',
    code: `console.log('Round and round, until the time limit or the Stop button.');
while (true);
`,
  },
  {
    title: 'Heavy output',
    code: `// Too much for anybody to read: it is stopped at one megabyte.
for (let n = 1; ; n++) {
  console.log(n, Math.sqrt(n));
}
`,
  },
];
