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
    title: 'Files, as they change',
    code: `// Files are shared with all who have this address open. Upload some, too.
import { appendFile, readdir, unlink } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

for (let n = 1; n <= 20; n++) {
  await appendFile('diary.txt', 'line ' + n + '\\n');
  await setTimeout(150);
}
console.log('Here are:', (await readdir('.')).filter((name) => !name.startsWith('.')));
await unlink('diary.txt');
`,
  },
  {
    title: 'Memory that grows',
    code: `// Watch the sandbox: there is a warning first, then the end.
const all = [];
setInterval(() => {
  all.push(Buffer.alloc(4_000_000, 1));
  console.log(all.length * 4, 'MB');
}, 100);
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
