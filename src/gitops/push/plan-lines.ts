/** A plan as the output of a push shows it: what is changed, bounded. Secret values are masked in it. */
import type { FieldChange } from "../../kube/diff.ts";
import { formatRef } from "../plan/object-ref.ts";
import { type Plan, type PlanAction, type PlanEntry, summarize } from "../plan/plan.ts";

/** The others change nothing, now. */
const SIGNS: ReadonlyMap<PlanAction, string> = new Map([
  ["create", "+"],
  ["update", "~"],
  ["replace", "!"],
  ["prune", "-"],
  ["refuse", "✗"],
]);
/** A first push of a large repository is not read line by line. */
const MAX_OBJECTS = 40;
const MAX_CHANGES = 8;
const MAX_VALUE_CHARACTERS = 80;

/** One line for each object that changes, with its fields below, and a line of counts. */
export function planLines(plan: Plan): string[] {
  const differing = plan.entries.filter(
    ({ action }) => action !== "unchanged" && action !== "skip",
  );
  const lines = differing.slice(0, MAX_OBJECTS).flatMap(entryLines);
  if (differing.length > MAX_OBJECTS)
    lines.push(`… and ${differing.length - MAX_OBJECTS} more objects`);
  return [...lines, countsLine(plan)];
}

function entryLines({ action, ref, desired, reason, changes }: PlanEntry): string[] {
  const origin = desired?.origin;
  const where = origin === undefined ? "" : `  (${origin.file}:${origin.line})`;
  const lines = [`${SIGNS.get(action) ?? ""} ${formatRef(ref)}${where}`];
  if (reason !== undefined) lines.push(`    ${action}: ${reason}`);
  lines.push(...changes.slice(0, MAX_CHANGES).map((change) => `    ${changeText(change)}`));
  if (changes.length > MAX_CHANGES)
    lines.push(`    … and ${changes.length - MAX_CHANGES} more fields`);
  return lines;
}

function changeText({ path, type, from, to }: FieldChange): string {
  switch (type) {
    case "add":
      return `${path}: ${shown(to)} (new)`;
    case "remove":
      return `${path}: ${shown(from)} (removed)`;
    case "change":
      return `${path}: ${shown(from)} → ${shown(to)}`;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length <= MAX_VALUE_CHARACTERS ? text : `${text.slice(0, MAX_VALUE_CHARACTERS)}…`;
}

function countsLine(plan: Plan): string {
  const counts = summarize(plan);
  const parts = (["create", "update", "replace", "prune"] as const)
    .filter((action) => counts[action] > 0)
    .map((action) => `${counts[action]} to ${action}`);
  if (parts.length === 0) return `nothing to change, ${counts.unchanged} unchanged`;
  return `${parts.join(", ")}, ${counts.unchanged} unchanged`;
}
