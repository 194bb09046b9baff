import { redactUrl } from "../gitops/source/repo-url.ts";
import { type Application, type ApplicationSource, sourcesOf } from "../kube/kinds/application.ts";
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
  else for (const application of found) printLine(this, details(application));
  if (!found.every(isGood)) this.process.exitCode = EXIT.differs;
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

function details(application: Application): string {
  const { metadata, spec, status } = application;
  const lines = [
    `Application  ${metadata.namespace ?? ""}/${metadata.name}`,
    ...sourcesOf(spec).map((source) => `Source       ${describe(source)}`),
    `Sync         ${status?.sync?.status ?? "Unknown"}${status?.sync?.revision === undefined ? "" : ` to ${status.sync.revision}`}`,
    `Health       ${status?.health?.status ?? "Unknown"}${status?.health?.message === undefined ? "" : `: ${status.health.message}`}`,
  ];
  if (spec.suspend === true) lines.push("Suspended    yes; `gantry resume` goes on");
  if (status?.rollback !== undefined)
    lines.push(
      `Rolled back  to ${status.rollback.revision}, until there is a commit after ${status.rollback.insteadOf}`,
    );
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
