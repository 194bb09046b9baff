/** Plans for people, for pull requests and for programs. Secret values are masked in the plan already. */
import { formatRef } from "../gitops/plan/object-ref.ts";
import { type Plan, type PlanAction, type PlanEntry, summarize } from "../gitops/plan/plan.ts";
import type { FieldChange } from "../kube/diff.ts";

const SIGNS: Readonly<Record<PlanAction, string>> = {
  create: "+",
  update: "~",
  replace: "!",
  prune: "-",
  refuse: "✗",
  unchanged: "=",
  skip: "=",
  wait: "…",
};
/** Longer values are cut: the object itself is a `gantry render` away. */
const MAX_VALUE_CHARACTERS = 120;

/** Entries that would change something or would fail. */
export function differing(plan: Plan): PlanEntry[] {
  return plan.entries.filter((entry) => entry.action !== "unchanged" && entry.action !== "skip");
}

export function planText(plan: Plan): string {
  const entries = differing(plan);
  if (entries.length === 0) return "no differences";
  return [...entries.map(entryText), summaryLine(plan)].join("\n");
}

function entryText(entry: PlanEntry): string {
  const origin = entry.desired?.origin;
  const where = origin === undefined ? "" : `  (${origin.file}:${origin.line})`;
  const lines = [`${SIGNS[entry.action]} ${formatRef(entry.ref)}${where}`];
  if (entry.reason !== undefined) lines.push(`    ${entry.action}: ${entry.reason}`);
  for (const change of entry.changes) lines.push(`    ${changeText(change)}`);
  return lines.join("\n");
}

export function changeText({ path, type, from, to }: FieldChange): string {
  switch (type) {
    case "add":
      return `${path}: ${value(to)} (new)`;
    case "remove":
      return `${path}: ${value(from)} (removed)`;
    case "change":
      return `${path}: ${value(from)} → ${value(to)}`;
  }
}

function value(of: unknown): string {
  const text = JSON.stringify(of) ?? "";
  return text.length <= MAX_VALUE_CHARACTERS ? text : `${text.slice(0, MAX_VALUE_CHARACTERS)}…`;
}

function summaryLine(plan: Plan): string {
  const counts = summarize(plan);
  const parts = (["create", "update", "replace", "prune", "refuse"] as const)
    .filter((action) => counts[action] > 0)
    .map((action) => `${counts[action]} to ${action}`);
  return `${parts.join(", ")}, ${counts.unchanged} unchanged`;
}

export function planMarkdown(title: string, plan: Plan): string {
  const entries = differing(plan);
  if (entries.length === 0) return `### ${title}\n\nNo differences.`;
  const blocks = entries.map(
    (entry) =>
      `<details><summary><code>${SIGNS[entry.action]} ${escapeHtml(formatRef(entry.ref))}</code></summary>\n\n\`\`\`diff\n${entryText(entry).replace(/`{3,}/g, "``")}\n\`\`\`\n\n</details>`,
  );
  return [`### ${title}`, "", summaryLine(plan), "", ...blocks].join("\n");
}

const escapeHtml = (text: string): string =>
  text.replace(
    /[&<>]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character] ?? "",
  );

export function planJson(plan: Plan): object {
  return {
    summary: summarize(plan),
    objects: differing(plan).map(({ ref, action, reason, changes, desired }) => ({
      ...ref,
      action,
      ...(reason === undefined ? {} : { reason }),
      ...(desired === undefined ? {} : { file: desired.origin.file, line: desired.origin.line }),
      changes: changes.map(({ path, type, from, to }) => ({ path, type, from, to })),
    })),
  };
}
