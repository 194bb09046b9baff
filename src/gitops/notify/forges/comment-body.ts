/** The comment on a pull request: how the Application fares with its commit, in Markdown. Pure. */
import type { Application } from "../../../kube/kinds/application.ts";
import { keyOf } from "../../../kube/object.ts";
import type { CommitState } from "../commit-state.ts";
import { applicationLink } from "../links.ts";
import { cut } from "../message.ts";

const MAX_FAILURES = 10;
const MAX_LINE_CHARACTERS = 500;
const SHORT_REVISION = 12;
const SIGNS = { pending: "⏳", success: "✅", failure: "❌" } as const;

export function commentBody(
  application: Application,
  { state, revision, description }: CommitState,
  marker: string,
): string {
  const { operationState, health, sync } = application.status ?? {};
  const own = operationState?.syncResult?.revision === revision ? operationState : undefined;
  const rows: [string, string][] = [["Commit", `\`${revision.slice(0, SHORT_REVISION)}\``]];
  if (own?.commit !== undefined)
    rows.push(["Message", plain(own.commit.subject)], ["Author", plain(own.commit.author)]);
  if (own?.plan !== undefined) {
    const { create, update, replace, prune } = own.plan;
    rows.push([
      "Plan",
      `${create} to create, ${update} to change, ${replace} to replace, ${prune} to prune`,
    ]);
  }
  rows.push(
    ["Sync", plain(sync?.status ?? "Unknown")],
    ["Health", plain(health?.status ?? "Unknown")],
  );
  const link = applicationLink(application);
  if (link !== undefined) rows.push(["Address", `<${link}>`]);
  const failed = (own?.syncResult?.resources ?? [])
    .filter(({ status }) => status === "SyncFailed")
    .slice(0, MAX_FAILURES)
    .map(({ kind, name, message = "" }) => cut(`${kind}/${name}: ${message}`, MAX_LINE_CHARACTERS));
  return [
    marker,
    "",
    `### ${SIGNS[state]} ${plain(keyOf(application))}: ${plain(cut(description, MAX_LINE_CHARACTERS))}`,
    "",
    "| | |",
    "|---|---|",
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    ...(failed.length === 0 ? [] : ["", fenced(failed.join("\n"))]),
    "",
  ].join("\n");
}

/** Text from a repository without Markdown, HTML and mentions. */
function plain(text: string): string {
  return cut(text, MAX_LINE_CHARACTERS)
    .replace(/\s+/g, " ")
    .replace(/[\\`*_{}[\]()#+!|<>~]/g, "\\$&")
    .replace(/@/g, "@\u200b")
    .replace(/:\/\//g, ":\u200b//");
}

/** A code block that its content cannot end. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
