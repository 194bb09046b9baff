/**
 * Marks every object that an Application manages: with a label, so that a cluster can be asked for
 * the objects of all or one Application, and with annotations that name the object itself (a copy
 * made by somebody else is not ours) and the manifest that was applied.
 */
import type { JsonObject, KubeObject } from "../../kube/object.ts";
import { refKey, refOf } from "./object-ref.ts";

export const APPLICATION_LABEL = "gantry.dev/application";
export const TRACKING_ANNOTATION = "gantry.dev/tracking-id";
/** SHA-256 of the manifest: an equal hash says that no field was taken out of it since. */
export const MANIFEST_HASH_ANNOTATION = "gantry.dev/manifest-hash";
const MAX_LABEL_CHARACTERS = 63;

/** Label value of an Application: `namespace.name`, shortened to a hash where it would not fit. */
export function trackingLabel(applicationKey: string, hash: (text: string) => string): string {
  const value = applicationKey.replace("/", ".");
  if (value.length <= MAX_LABEL_CHARACTERS) return value;
  return `${value.slice(0, MAX_LABEL_CHARACTERS - 17).replace(/[^a-z0-9]+$/i, "")}-${hash(value).slice(0, 16)}`;
}

/** The object as it is applied: with the marks added. */
export function withTracking(
  object: KubeObject,
  marks: { label: string; hash: string },
): KubeObject {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [APPLICATION_LABEL]: marks.label },
      annotations: {
        ...metadata.annotations,
        [TRACKING_ANNOTATION]: trackingId(object, marks.label),
        [MANIFEST_HASH_ANNOTATION]: marks.hash,
      },
    },
  };
}

function trackingId(object: KubeObject, label: string): string {
  return `${label}:${refKey(refOf(object))}`;
}

/** The label value of the Application that manages a live object; undefined when none does. */
export function trackedBy(live: KubeObject): string | undefined {
  const label = live.metadata.labels?.[APPLICATION_LABEL];
  if (label === undefined) return undefined;
  return live.metadata.annotations?.[TRACKING_ANNOTATION] === trackingId(live, label)
    ? label
    : undefined;
}

/** The object without the marks: they are never shown in a diff. */
export function withoutTracking(object: KubeObject): KubeObject {
  const { labels, annotations, ...metadata } = object.metadata;
  const { [APPLICATION_LABEL]: _label, ...otherLabels } = labels ?? {};
  const {
    [TRACKING_ANNOTATION]: _id,
    [MANIFEST_HASH_ANNOTATION]: _hash,
    ...otherAnnotations
  } = annotations ?? {};
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(Object.keys(otherLabels).length === 0 ? {} : { labels: otherLabels }),
      ...(Object.keys(otherAnnotations).length === 0 ? {} : { annotations: otherAnnotations }),
    },
  };
}

/** A manifest as JSON without the marks, for hashing. */
export function manifestJson(object: KubeObject): string {
  return JSON.stringify(object as unknown as JsonObject);
}

/** The object with the marks that another version of it has. */
export function withMarksOf(object: KubeObject, marked: KubeObject["metadata"]): KubeObject {
  const { metadata } = object;
  const labels = kept(metadata.labels, marked.labels, [APPLICATION_LABEL]);
  const annotations = kept(metadata.annotations, marked.annotations, [
    TRACKING_ANNOTATION,
    MANIFEST_HASH_ANNOTATION,
  ]);
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}

function kept(
  values: Record<string, string> | undefined,
  from: Record<string, string> | undefined,
  names: readonly string[],
): Record<string, string> | undefined {
  const marks = names.flatMap((name) => {
    const mark = from?.[name];
    return mark === undefined ? [] : [[name, mark] as const];
  });
  return marks.length === 0 ? values : { ...values, ...Object.fromEntries(marks) };
}
