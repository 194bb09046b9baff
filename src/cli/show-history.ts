import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
import type { CliContext } from "./context.ts";
import { printJson, printLine, table } from "./output.ts";

interface HistoryFlags extends ApplicationFlags {
  readonly output: "text" | "json";
}

export async function showHistory(
  this: CliContext,
  flags: HistoryFlags,
  name: string,
): Promise<void> {
  const application = await getApplication(await connect(flags), flags.namespace, name);
  const entries = application.status?.history ?? [];
  if (flags.output === "json") {
    printJson(this, entries);
    return;
  }
  const rows = entries.map((entry) => [
    String(entry.id),
    entry.deployedAt,
    entry.revision.slice(0, 12),
    entry.author ?? "",
    entry.initiatedBy ?? "automated",
    entry.message ?? "",
  ]);
  printLine(this, table(["ID", "DEPLOYED", "REVISION", "AUTHOR", "BY", "MESSAGE"], rows));
}
