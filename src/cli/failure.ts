/** A failure as people should read it: no stack for what is expected, all of it for a defect. */
import { StatusError } from "../kube/status-error.ts";
import { CliError } from "./context.ts";

/** Errors that say themselves what happened, where, and what to do. */
const EXPECTED = new Set([
  "SourceError",
  "IgnoreRuleError",
  "KubeconfigError",
  "ListenError",
  "DataDirectoryLockedError",
  "StoreCorruptError",
  "StoreUnavailableError",
]);

export function describeFailure(error: unknown): string {
  if (error instanceof CliError || error instanceof StatusError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if (EXPECTED.has(error.name)) return error.message;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) return error.message;
  return error.stack ?? error.message;
}
