import type { CliContext } from "./context.ts";
export async function validateCommand(
  this: CliContext,
  _flags: object,
  ..._paths: string[]
): Promise<void> {}
