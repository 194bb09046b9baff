/** What every command runs with, and how it ends. */
import type { CommandContext } from "@stricli/core";

export interface CliContext extends CommandContext {
  readonly process: NodeJS.Process;
}

/** Exit codes, the same for all commands: 1 is a result that scripts act on, 2 that there is none. */
export const EXIT = { ok: 0, differs: 1, failed: 2 } as const;

/** Ends a command with a message for people and an exit code. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;
  constructor(message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}
