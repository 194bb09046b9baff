/** Plans for people, for pull requests and for programs. Secret values are masked in the plan already. */
import type { Origin } from "../gitops/plan/desired.ts";
import type { HookPhase } from "../gitops/plan/hooks.ts";
import { type Plan, type PlanAction, type PlanEntry, summarize } from "../gitops/plan/plan.ts";
import { formatRef, type ObjectRef } from "../gitops/plan/object-ref.ts";
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

/** An object that runs in the course of a sync. */
export interface PlannedHook {
  readonly phases: readonly HookPhase[];
  readonly ref: ObjectRef;
  readonly origin: Origin;
}
/** A plan with what is told of it besides. */
type ShownPlan = Plan & { readonly hooks?: readonly PlannedHook[] };

/** Entries that would change something or would fail. */
export function differing(plan: Plan): PlanEntry[] {
  return plan.entries.filter((entry) => entry.action !== "unchanged" && entry.action !== "skip");
}

export function planText(plan: ShownPlan): string {
  const entries = differing(plan);
  const asides = asideLines(plan);
  if (entries.length === 0) return ["no differences", ...asides].join("\n");
  return [...entries.map(entryText), ...hookLines(plan), summaryLine(plan), ...asides].join("\n");
}

/** `» Job default/migrate  (jobs.yaml:1)  runs at PreSync`: only where something is synced at all. */
function hookLines({ hooks = [] }: ShownPlan): string[] {
  return hooks.map(
    ({ phases, ref, origin }) =>
      `» ${formatRef(ref)}  (${origin.file}:${origin.line})  hook, runs at ${phases.join(", ")}`,
  );
}

/** What differs and stays as it is, and why. */
function asideLines({ entries }: Plan): string[] {
  const ignored = entries
    .filter((entry) => entry.ignored !== undefined)
    .map(({ ref, ignored: fields = [] }) => `ignored: ${formatRef(ref)} ${fields.join(", ")}`);
  const kept = entries
    .filter(({ action, desired }) => action === "skip" && desired === undefined)
    .map(({ ref, reason = "" }) => `not pruned: ${formatRef(ref)}: ${reason}`);
  return [...ignored, ...kept];
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

export function planMarkdown(title: string, plan: ShownPlan): string {
  const entries = differing(plan);
  const asides = [...(entries.length === 0 ? [] : hookLines(plan)), ...asideLines(plan)].map(
    (line) => `- ${escapeHtml(line).replace(/`/g, "")}`,
  );
  const below = asides.length === 0 ? [] : ["", ...asides];
  if (entries.length === 0) return [`### ${title}\n\nNo differences.`, ...below].join("\n");
  const blocks = entries.map(
    (entry) =>
      `<details><summary><code>${SIGNS[entry.action]} ${escapeHtml(formatRef(entry.ref))}</code></summary>\n\n\`\`\`diff\n${entryText(entry).replace(/`{3,}/g, "``")}\n\`\`\`\n\n</details>`,
  );
  return [`### ${title}`, "", summaryLine(plan), "", ...blocks, ...below].join("\n");
}

const escapeHtml = (text: string): string =>
  text.replace(
    /[&<>]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character] ?? "",
  );

export function planJson(plan: ShownPlan): object {
  return {
    summary: summarize(plan),
    ...asidesJson(plan),
    objects: differing(plan).map(({ ref, action, reason, changes, desired }) => ({
      ...ref,
      action,
      ...(reason === undefined ? {} : { reason }),
      ...(desired === undefined ? {} : { file: desired.origin.file, line: desired.origin.line }),
      changes: changes.map(({ path, type, from, to }) => ({ path, type, from, to })),
    })),
  };
}

function asidesJson({ entries, hooks = [] }: ShownPlan): object {
  const ignored = entries.flatMap(({ ref, ignored: fields }) =>
    fields === undefined ? [] : [{ ...ref, fields }],
  );
  const notPruned = entries
    .filter(({ action, desired }) => action === "skip" && desired === undefined)
    .map(({ ref, reason }) => ({ ...ref, reason }));
  const planned = hooks.map(({ phases, ref, origin }) => ({ ...ref, phases, ...origin }));
  return {
    ...(planned.length === 0 ? {} : { hooks: planned }),
    ...(ignored.length === 0 ? {} : { ignored }),
    ...(notPruned.length === 0 ? {} : { notPruned }),
  };
}
