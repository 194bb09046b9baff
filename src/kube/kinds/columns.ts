/** Columns and cell formats that several kinds share, as upstream's printers write them. */
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { PrinterColumn } from "../kind.ts";
import { formatLabelSelector, SelectorError, selectorOf } from "../label-selector.ts";
import type { KubeObject } from "../object.ts";
import { ageSince } from "./human-duration.ts";

/** What stands in a cell that has nothing to show. */
export const NONE = "<none>";
export const UNKNOWN = "<unknown>";

export const nameColumn: PrinterColumn = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name of the object, unique within its namespace.",
  cell: (object) => object.metadata.name,
};

export const ageColumn: PrinterColumn = {
  name: "Age",
  type: "string",
  description: "Time since the object was created.",
  cell: (object, { nowMs }) => ageSince(object.metadata.creationTimestamp, nowMs),
};

/** Where the time itself is shown, as of roles. */
export const createdAtColumn: PrinterColumn = {
  name: "Created At",
  type: "date",
  description: "When the object was created.",
  cell: (object) => object.metadata.creationTimestamp ?? UNKNOWN,
};

/** A text column; `priority` 1 shows it with `-o wide` only. */
export function textColumn<T extends KubeObject>(
  name: string,
  description: string,
  cell: PrinterColumn<T>["cell"],
  priority = 0,
): PrinterColumn<T> {
  return { name, type: "string", description, ...(priority > 0 ? { priority } : {}), cell };
}

/** The text, or `<none>` for an empty one. */
export function orNone(text: string | undefined): string {
  return text === undefined || text === "" ? NONE : text;
}

/** `a=1,b=2` in the order of the keys. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return orNone(pairs.toSorted().join(","));
}

/** A label selector in the syntax of `kubectl -l`. */
export function formatSelector(selector: LabelSelector | undefined): string {
  try {
    return orNone(selector === undefined ? "" : formatLabelSelector(selectorOf(selector)));
  } catch (error) {
    if (error instanceof SelectorError) return "<error>";
    throw error;
  }
}

/** The first `max` items, then how many more: `a,b,c + 2 more...`. */
export function listWithMore(items: readonly string[], max: number, empty: string): string {
  if (items.length === 0) return empty;
  const shown = items.slice(0, max).join(",");
  return items.length > max ? `${shown} + ${items.length - max} more...` : shown;
}
