import type { ApplicationHistoryEntry } from "../kube/kinds/application.ts";
import { humanDuration } from "../kube/kinds/human-duration.ts";
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
    entry.outcome ?? "Succeeded",
    entry.durationSeconds === undefined ? "" : humanDuration(entry.durationSeconds * 1_000),
    changesOf(entry),
    entry.author ?? "",
    entry.initiatedBy ?? "automated",
    messageOf(entry),
  ]);
  printLine(this, table(HEADER, rows));
}

const HEADER = [
  "ID",
  "DEPLOYED",
  "REVISION",
  "OUTCOME",
  "TOOK",
  "CHANGES",
  "AUTHOR",
  "BY",
  "MESSAGE",
];

/** Why it failed, else what the commit says, and why it was gone back to. */
function messageOf({ error, message = "", rollback }: ApplicationHistoryEntry): string {
  const said = error ?? (rollback === undefined ? message : `${message} (back to it: ${rollback})`);
  return said.split("\n")[0] ?? "";
}

/** `+2 ~1 -1`: created, changed or replaced, pruned. */
function changesOf({ plan }: ApplicationHistoryEntry): string {
  if (plan === undefined) return "";
  const parts = [`+${plan.create}`, `~${plan.update + plan.replace}`, `-${plan.prune}`];
  return parts.filter((part) => !part.endsWith("0") || part.length > 2).join(" ");
}
