/** Asks whether to go on, where somebody is there to answer. */
import { createInterface } from "node:readline/promises";
import type { CliContext } from "./context.ts";

/** True at once where no person sits at the terminal: a script has decided already. */
export async function confirm({ process }: CliContext, question: string): Promise<boolean> {
  const { stdin, stderr } = process;
  if (stdin?.isTTY !== true || stderr.isTTY !== true) return true;
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
