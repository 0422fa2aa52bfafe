import { Command, CommanderError } from 'commander';
import { addBench } from './benchCommand.js';
import { createCommandContext, type CommandContext, ExitCode, exitCodeOf } from './commandContext.js';
import { pointerOf, RxwireError } from '../../message/errors/rxwireError.js';
import { reasonOf } from './connectionOptions.js';
import { addInspect } from './inspectCommand.js';
import { addNew, type CommandPackage } from './newCommand.js';
import { addPing } from './pingCommand.js';
import { addRequest } from './requestCommand.js';
import { addSend } from './sendCommand.js';
import { addServe } from './serveCommand.js';
import { addTail } from './tailCommand.js';

const EPILOGUE = `
On a terminal, the output is for people. In a pipe, and with --json, each line is JSON. NO_COLOR turns colours off.
In JSON, bytes are {"base64":"…"}, and a BigInt is a text of digits.

Exit codes: 0 done; 1 a message was not delivered, or the other side refused or failed; 2 wrong usage; 3 no connection, or no answer in time;
130 after Ctrl-C, 143 after SIGTERM. A second Ctrl-C ends the command at once.

node_modules/rxwire/docs/guide/command-line.md has examples.`;

/**
 * Runs the command line `rxwire`, and returns its exit code when all output is written.
 *
 * @param argv As `process.argv`.
 * @param source The package that the command is part of.
 */
export async function runCommandLine(argv: readonly string[], source: CommandPackage): Promise<number> {
  let context: CommandContext | undefined;
  let code: number = ExitCode.DONE;
  const program = new Command('rxwire')
    .description('Reliable messages from the shell: serve, read, send, measure and inspect. And projects to start with.')
    .version(source.version)
    .option('--json', 'print JSON on a terminal, too')
    .addHelpText('after', EPILOGUE)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'rxwire: ')) })
    .showHelpAfterError('rxwire: rxwire --help tells more')
    .exitOverride();
  const run = async (command: (context: CommandContext) => Promise<number>): Promise<void> => {
    context = createCommandContext(program.opts<{ json?: true }>().json === true);
    code = await command(context);
  };
  for (const add of [addServe, addTail, addSend, addRequest, addPing, addBench, addInspect]) add(program, run);
  addNew(program, run, source);

  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // A request for help is no error. Commander has printed the reason of any other.
      code = error.exitCode === 0 ? ExitCode.DONE : ExitCode.USAGE;
    } else {
      context?.note(reasonOf(error) + (error instanceof RxwireError ? pointerOf(error) : ''));
      code = exitCodeOf(error);
    }
  }
  context?.progress('');
  await context?.flush();
  return code;
}
