/** Which objects of a kind a list or a watch is about: its label and field selectors, ready to be applied. */
import {
  type FieldSelector,
  matchesFields,
  parseFieldSelector,
} from "../../kube/field-selector.ts";
import type { Kind } from "../../kube/kind.ts";
import {
  matchesLabels,
  parseLabelSelector,
  type Selector,
  SelectorError,
} from "../../kube/label-selector.ts";
import type { KubeObject } from "../../kube/object.ts";
import { StatusError } from "../../kube/status-error.ts";

export interface Selection {
  /** Whether every object matches. */
  readonly everything: boolean;
  readonly matches: (object: KubeObject) => boolean;
  /** The only value that each of these fields can have in a matching object. */
  readonly exactFields: ReadonlyMap<string, string>;
}

export interface SelectionOptions {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

const EVERYTHING: Selection = {
  everything: true,
  matches: () => true,
  exactFields: new Map(),
};

/** Throws 400 `BadRequest` for a selector that cannot be read, or names a field that the kind does not select by. */
export function compileSelection(kind: Kind, options: SelectionOptions): Selection {
  const labels = parse(options.labelSelector ?? "", parseLabelSelector);
  const fields = parse(options.fieldSelector ?? "", parseFieldSelector);
  for (const { field } of fields) checkSelectable(kind, field);
  if (labels.length === 0 && fields.length === 0) return EVERYTHING;
  return {
    everything: false,
    matches: matcher(kind, labels, fields),
    exactFields: new Map(
      fields.filter(({ operator }) => operator === "=").map(({ field, value }) => [field, value]),
    ),
  };
}

/** The value of a selectable field; undefined for a field that the kind does not select by. */
export function readField(kind: Kind, field: string, object: KubeObject): string | undefined {
  if (field === "metadata.name") return object.metadata.name;
  if (field === "metadata.namespace") return object.metadata.namespace ?? "";
  const fields = kind.selectableFields;
  return fields !== undefined && Object.hasOwn(fields, field) ? fields[field]?.(object) : undefined;
}

function matcher(
  kind: Kind,
  labels: Selector,
  fields: FieldSelector,
): (object: KubeObject) => boolean {
  return (object) =>
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(fields, (field) => readField(kind, field, object) ?? "");
}

function parse<T>(text: string, parser: (text: string) => T): T {
  try {
    return parser(text);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw StatusError.of("BadRequest", error.message);
  }
}

function checkSelectable(kind: Kind, field: string): void {
  if (field === "metadata.name" || (field === "metadata.namespace" && kind.namespaced)) return;
  if (kind.selectableFields !== undefined && Object.hasOwn(kind.selectableFields, field)) return;
  const known = [
    "metadata.name",
    "metadata.namespace",
    ...Object.keys(kind.selectableFields ?? {}),
  ];
  throw StatusError.of(
    "BadRequest",
    `field label not supported: ${field}: ${kind.plural} can be selected by ${known.join(", ")}`,
  );
}
