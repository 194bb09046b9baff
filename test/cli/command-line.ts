/** Runs commands in this process, with their output captured. */
import { type ApplicationContext, run } from "@stricli/core";
import { application } from "../../src/cli/application.ts";
import type { CliContext } from "../../src/cli/context.ts";

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function gantry(...args: string[]): Promise<CommandResult> {
  const output = { stdout: "", stderr: "" };
  const process = {
    stdout: { write: (text: string) => void (output.stdout += text) },
    stderr: { write: (text: string) => void (output.stderr += text) },
    env: {},
    exitCode: undefined as number | undefined,
  };
  await run(application, args, { process } as unknown as ApplicationContext & CliContext);
  const exitCode = process.exitCode ?? 0;
  return { exitCode: exitCode < 0 ? 2 : exitCode, ...output };
}
