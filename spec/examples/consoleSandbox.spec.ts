import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catchError, firstValueFrom, lastValueFrom, map, of, Subject, tap, toArray } from 'rxjs';
import { runCode, SandboxError, type SandboxEvent, type SandboxOptions } from '../../docs/examples/console/sandbox.js';
import { eventually, isAlive } from './consoleSupport.js';

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
  readonly error: string | undefined;
  readonly pieces: readonly string[];
}

/** Runs to the end. */
async function run(code: string, options: SandboxOptions = {}): Promise<Run> {
  let error: string | undefined;
  const events = await lastValueFrom(
    runCode(code, options).pipe(
      catchError((reason: unknown) => {
        error = reason instanceof SandboxError ? reason.code : String(reason);
        return of();
      }),
      toArray(),
    ),
  );
  const printed = (stream: string): string[] =>
    events.flatMap((event) => (event.kind === 'output' && event.stream === stream ? [event.data] : []));
  const exitCode = events.map((event) => (event.kind === 'complete' ? event.exitCode : undefined)).at(-1);
  return { stdout: printed('stdout').join(''), stderr: printed('stderr').join(''), exitCode, error, pieces: printed('stdout') };
}

/** What a program says of itself: its process and its folder. */
const whoami = `console.log(JSON.stringify({ pid: process.pid, folder: process.cwd() }));`;
const parse = (event: SandboxEvent): { pid: number; folder: string } =>
  JSON.parse(event.kind === 'output' ? event.data : '{}') as { pid: number; folder: string };

describe('runCode', () => {
  it('runs a program and reports its exit code', async () => {
    expect(await run('console.log(6 * 7)')).toMatchObject({ stdout: '42\n', stderr: '', exitCode: 0, error: undefined });
  });

  it('awaits, imports, keeps stdout and stderr apart', async () => {
    const code = `import { basename } from 'node:path'; console.log(await basename('a/b')); console.error('e'); process.exitCode = 3;`;
    expect(await run(code)).toMatchObject({ stdout: 'b\n', stderr: 'e\n', exitCode: 3 });
  });

  it('reports an uncaught error, and a program that is none', async () => {
    expect(await run('throw new Error("boom")')).toMatchObject({ stderr: expect.stringContaining('Error: boom') as string, exitCode: 1 });
    expect(await run('let let')).toMatchObject({ stderr: expect.stringContaining('SyntaxError') as string, exitCode: 1 });
  });

  it('emits output while the program runs', async () => {
    const waitsForFile = `
      import { existsSync } from 'node:fs';
      ${whoami}
      const poll = setInterval(() => existsSync('go') && (clearInterval(poll), console.log('went')), 5);`;
    const events = await lastValueFrom(
      runCode(waitsForFile).pipe(
        tap({
          next: (event) => event.kind === 'output' && event.data.startsWith('{') && writeFileSync(join(parse(event).folder, 'go'), ''),
        }),
        map((event) => (event.kind === 'output' ? event.data : event.exitCode)),
        toArray(),
      ),
    );
    expect(events.slice(1)).toEqual(['went\n', 0]);
  });

  it('keeps characters whole, in pieces of at most 16,384', async () => {
    const { stdout, pieces } = await run(`process.stdout.write('é' + '😀'.repeat(30_000))`);
    expect(stdout).toBe(`é${'😀'.repeat(30_000)}`);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(16_384);
    expect(pieces.every((piece) => Buffer.from(piece).toString() === piece)).toBe(true);
  });

  it('starts nothing until it is subscribed to, and once for each subscriber', async () => {
    const program$ = runCode(whoami);
    const [one, two] = await Promise.all([firstValueFrom(program$), firstValueFrom(program$)]);
    expect(parse(one).pid).not.toBe(parse(two).pid);
  });
});

describe('runCode stops', () => {
  it('stops a program without an end, after its output', async () => {
    const { stdout, error } = await run('console.log("round"); for (;;);', { timeLimit: 1_500 });
    expect([stdout, error]).toEqual(['round\n', 'ERR_TIME_LIMIT']);
  });

  it('a program that fills the heap', async () => {
    expect(await run('const all = []; for (;;) all.push({ x: [1, 2, 3] });')).toMatchObject({ error: 'ERR_MEMORY_LIMIT', stderr: '' });
  });

  it('stops a program that fills memory outside the heap, where the system reports it', async () => {
    const error = process.platform === 'linux' ? 'ERR_MEMORY_LIMIT' : 'ERR_TIME_LIMIT';
    const code = 'const all = []; setInterval(() => all.length < 40 && all.push(Buffer.alloc(1e7, 1)), 1);';
    expect(await run(code, { timeLimit: 5_000 })).toMatchObject({ error });
  });

  it('a flood, at the limit to the byte', async () => {
    const { stdout, error } = await run('for (;;) console.log("x".repeat(99))', { outputLimit: 100_050 });
    expect([stdout.length, error]).toEqual([100_050, 'ERR_OUTPUT_LIMIT']);
  });

  it('the process of a subscriber that leaves', async () => {
    const { pid, folder } = parse(await firstValueFrom(runCode(`${whoami} for (;;);`)));
    await eventually(() => !isAlive(pid) && !existsSync(folder));
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false]);
  });

  it('kills a program, after its output', async () => {
    const kill$ = new Subject<void>();
    const program$ = runCode('console.log("round"); for (;;);', { kill$ }).pipe(tap(({ kind }) => kind === 'output' && kill$.next()));
    await expect(lastValueFrom(program$)).rejects.toMatchObject({ code: 'ERR_KILLED', message: 'the program was killed by SIGKILL' });
    expect(kill$.observed).toBe(false);
  });

  it('and says so when something else has killed it', async () => {
    const program$ = runCode(`${whoami} for (;;);`).pipe(
      tap((event) => event.kind === 'output' && process.kill(parse(event).pid, 'SIGTERM')),
    );
    await expect(lastValueFrom(program$)).rejects.toMatchObject({ code: 'ERR_KILLED', message: 'the program was killed by SIGTERM' });
  });
});

describe('a sandbox', () => {
  const refusal = async (code: string): Promise<string> => {
    const { stdout } = await run(`try { ${code}; console.log('allowed') } catch (error) { console.log(error.code ?? error.name) }`);
    return stdout.trim();
  };

  it.each([
    ['reading a file outside', `(await import('node:fs')).readFileSync('/etc/passwd')`],
    ['reading beside its folder', `(await import('node:fs')).readdirSync('..')`],
    ['writing outside', `(await import('node:fs')).writeFileSync('../outside', '')`],
    ['writing where its own folder only begins the name', `(await import('node:fs')).writeFileSync(process.cwd() + 'x', '')`],
    ['a link to the outside', `(await import('node:fs')).symlinkSync('/etc/passwd', 'link')`],
    ['a child process', `(await import('node:child_process')).execSync('id')`],
    ['a worker', `new (await import('node:worker_threads')).Worker('1', { eval: true })`],
    ['an inspector', `new (await import('node:inspector')).Session().connect()`],
  ])('refuses %s', async (_, code) => {
    expect(await refusal(code)).toBe('ERR_ACCESS_DENIED');
  });

  it('refuses native code and signals to others', async () => {
    expect(await refusal(`process.dlopen({ exports: {} }, 'x.node')`)).toBe('ERR_DLOPEN_DISABLED');
    expect(await refusal('process.kill(process.ppid, 0)')).toBe('TypeError');
  });

  it('has an empty environment, and a folder of its own to read and write', async () => {
    expect((await run('console.log(JSON.stringify(process.env))')).stdout).toBe('{}\n');
    const code = `import fs from 'node:fs'; fs.mkdirSync('a'); fs.writeFileSync('a/b', 'c'); console.log(fs.readFileSync('a/b', 'utf8'));`;
    expect(await run(code)).toMatchObject({ stdout: 'c\n', exitCode: 0 });
  });

  it('leaves no folder behind', async () => {
    const { stdout } = await run(`import fs from 'node:fs'; fs.writeFileSync('left', ''); console.log(process.cwd());`);
    expect(stdout).toContain('rxwire-sandbox-');
    expect(existsSync(stdout.trim())).toBe(false);
  });
});
