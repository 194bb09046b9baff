import type { Client } from "../client/client.ts";
import { formatTime } from "../client/timestamps.ts";
import { applicableWindows } from "../gitops/gates/applicable-windows.ts";
import { untilOpen } from "../gitops/gates/gates.ts";
import { describeSuspension } from "../gitops/gates/suspension.ts";
import { type Gate, windowsAt } from "../gitops/gates/sync-windows.ts";
import { redactUrl } from "../gitops/source/repo-url.ts";
import {
  type Application,
  type ApplicationSource,
  type SyncWindow,
  sourcesOf,
} from "../kube/kinds/application.ts";
import { DEFAULT_PROJECT, projects } from "../kube/kinds/project.ts";
import { isStatus } from "../kube/status-error.ts";
import { type ApplicationFlags, findApplications } from "./application-flags.ts";
import { connect } from "./connect.ts";
import { type CliContext, EXIT } from "./context.ts";
import { printJson, printLine, table } from "./output.ts";

interface StatusFlags extends ApplicationFlags {
  readonly output: "text" | "json";
}

export async function showStatus(
  this: CliContext,
  flags: StatusFlags,
  ...names: string[]
): Promise<void> {
  const client = await connect(flags);
  const found = await findApplications(client, flags.namespace, names);
  if (flags.output === "json") printJson(this, found.map(summary));
  else if (names.length === 0) printLine(this, overview(found));
  else {
    const windows = await projectWindows(client);
    for (const application of found) printLine(this, details(application, windows));
  }
  if (!found.every(isGood)) this.process.exitCode = EXIT.differs;
}

/** Of each Project, by its name. */
async function projectWindows(client: Client): Promise<ReadonlyMap<string, readonly SyncWindow[]>> {
  try {
    const { items } = await client.list(projects);
    return new Map(items.map(({ metadata, spec }) => [metadata.name, spec.syncWindows ?? []]));
  } catch (error) {
    // Those who may only see Applications see the windows of these.
    if (isStatus(error, "Forbidden") || isStatus(error, "NotFound")) return new Map();
    throw error;
  }
}

function isGood({ status }: Application): boolean {
  return status?.sync?.status === "Synced" && status.health?.status === "Healthy";
}

function summary({ metadata, spec, status }: Application): object {
  const { namespace, name } = metadata;
  return {
    namespace,
    name,
    sources: sourcesOf(spec).map((source) => ({ ...source, repoURL: redactUrl(source.repoURL) })),
    ...status,
  };
}

function overview(found: readonly Application[]): string {
  if (found.length === 0)
    return "there are no Applications; create one with `gantry up --repo DIR`";
  const rows = found.map(({ metadata, status }) => [
    metadata.namespace ?? "",
    metadata.name,
    status?.sync?.status ?? "Unknown",
    status?.health?.status ?? "Unknown",
    (status?.sync?.revision ?? "").slice(0, 12),
    firstLine(messageOf(status)),
  ]);
  return table(["NAMESPACE", "NAME", "SYNC", "HEALTH", "REVISION", "MESSAGE"], rows);
}

function details(
  application: Application,
  projectWindowsOf: ReadonlyMap<string, readonly SyncWindow[]>,
): string {
  const windows = applicableWindows(
    application,
    projectWindowsOf.get(application.spec.project ?? DEFAULT_PROJECT) ?? [],
  );
  const { metadata, spec, status } = application;
  const lines = [
    `Application  ${metadata.namespace ?? ""}/${metadata.name}`,
    ...sourcesOf(spec).map((source) => `Source       ${describe(source)}`),
    `Sync         ${status?.sync?.status ?? "Unknown"}${status?.sync?.revision === undefined ? "" : ` to ${status.sync.revision}`}`,
    `Health       ${status?.health?.status ?? "Unknown"}${status?.health?.message === undefined ? "" : `: ${status.health.message}`}`,
  ];
  lines.push(...holdLines(application), ...windowLines(windows, Date.now()));
  for (const condition of status?.conditions ?? [])
    lines.push("", `${condition.type}:`, indent(condition.message));
  const rows = (status?.resources ?? []).map((resource) => [
    resource.kind,
    resource.namespace ?? "",
    resource.name,
    resource.requiresPruning === true ? "to be pruned" : (resource.status ?? ""),
    resource.health?.status ?? "",
    firstLine(resource.message ?? resource.health?.message ?? ""),
  ]);
  if (rows.length > 0)
    lines.push("", table(["KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH", "MESSAGE"], rows));
  return lines.join("\n");
}

/** What keeps newer commits out, or would. */
function holdLines(application: Application): string[] {
  const lines: string[] = [];
  const suspension = describeSuspension(application);
  if (suspension !== undefined)
    lines.push(
      `Suspended    ${suspension.replace(/^suspended ?/, "") || "yes"}; \`gantry resume\` goes on`,
    );
  const { rollback } = application.status ?? {};
  if (rollback !== undefined) {
    const how = rollback.automatic === true ? "automatically " : "";
    const why = rollback.reason === undefined ? "" : ` (${rollback.reason})`;
    lines.push(
      `Rolled back  ${how}to ${rollback.revision}, until there is a commit after ${rollback.insteadOf}${why}`,
    );
  }
  return lines;
}

/** One line for each gate that windows open and close. */
function windowLines(windows: readonly SyncWindow[], nowMs: number): string[] {
  if (windows.length === 0) return [];
  const { sync, manual, selfHeal, problems } = windowsAt(windows, nowMs);
  if (problems.length > 0) return [`Sync window  cannot be read: ${problems.join("; ")}`];
  const lines = [`Sync window  ${gateText(sync)}`];
  if (!sync.open) lines.push(`  on request ${manual.open ? "allowed" : "denied"}`);
  if (selfHeal.open !== sync.open) lines.push(`  self-heal  ${gateText(selfHeal)}`);
  return lines;
}

function gateText(gate: Gate): string {
  if (!gate.open) return `closed ${untilOpen(gate)}`;
  return gate.closesAtMs === undefined ? "open" : `open until ${formatTime(gate.closesAtMs)}`;
}

function messageOf(status: Application["status"]): string {
  const condition = status?.conditions?.find((found) => found.type !== "Suspended");
  return condition?.message ?? status?.health?.message ?? "";
}
const firstLine = (text: string): string => text.split("\n")[0] ?? "";
const indent = (text: string): string => text.replace(/^/gm, "  ");

function describe({
  repoURL,
  chart,
  path = ".",
  targetRevision = "HEAD",
}: ApplicationSource): string {
  return `${redactUrl(repoURL)} ${chart ?? path} at ${targetRevision}`;
}
