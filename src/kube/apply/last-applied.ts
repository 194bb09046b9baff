/**
 * Getting along with client-side `kubectl apply`, which remembers what it applied in an annotation:
 * `kubectl apply --server-side` may take over the fields that the annotation shows to be its own,
 * and keeps the annotation up to date, so that either way of applying can follow the other.
 */
import { isObject } from "../json-object.ts";
import type { KubeObject } from "../object.ts";
import { compareValues } from "./compare-values.ts";
import { difference, EMPTY, type FieldSet } from "./field-set.ts";
import { fieldSetOf } from "./field-set-of.ts";
import { withoutManagedFields } from "./managed-fields.ts";
import type { MergeType } from "./merge-type.ts";

export const LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";
/** The only manager this is done for, as upstream. */
export const LAST_APPLIED_MANAGER = "kubectl";

/** Total size of all annotations of an object; an annotation that exceeds it is left out. */
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/** Fields that the annotation holds with the value that they still have. */
export function lastAppliedFields(live: KubeObject, apiVersion: string, type: MergeType): FieldSet {
  const lastApplied = parseLastApplied(live.metadata.annotations?.[LAST_APPLIED_ANNOTATION]);
  if (lastApplied?.["apiVersion"] !== apiVersion) return EMPTY;
  const { changed, removed } = compareValues(lastApplied, withoutManagedFields(live), type);
  return difference(difference(fieldSetOf(lastApplied, type), changed), removed);
}

function parseLastApplied(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The object with the annotation, where it has one, telling what has just been applied. */
export function withLastApplied<T extends KubeObject>(object: T, config: KubeObject): T {
  const { annotations } = object.metadata;
  const before = annotations?.[LAST_APPLIED_ANNOTATION];
  if (annotations === undefined || before === undefined) return object;
  const { [LAST_APPLIED_ANNOTATION]: _, ...others } = annotations;
  const after = lastAppliedText(config);
  if (after === before) return object;
  const next = { ...others, [LAST_APPLIED_ANNOTATION]: after };
  const annotated = sizeOf(next) > MAX_ANNOTATIONS_BYTES ? others : next;
  return { ...object, metadata: { ...object.metadata, annotations: annotated } };
}

const sizeOf = (annotations: Readonly<Record<string, string>>): number =>
  Object.entries(annotations).reduce((size, [key, value]) => size + key.length + value.length, 0);

/** As kubectl writes it: keys sorted, a newline at the end, HTML characters escaped as Go does. */
function lastAppliedText(config: KubeObject): string {
  const { annotations } = config.metadata;
  const { [LAST_APPLIED_ANNOTATION]: _, ...others } = annotations ?? {};
  const plain =
    annotations === undefined
      ? config
      : { ...config, metadata: { ...config.metadata, annotations: others } };
  const text = JSON.stringify(sortKeys(plain)).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${text}\n`;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  );
}
