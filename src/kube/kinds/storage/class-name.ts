/** The class of a volume or claim: the field, or the annotation of before there was one. */
import type { KubeObject } from "../../object.ts";

const BETA_CLASS = "volume.beta.kubernetes.io/storage-class";

interface Classed extends KubeObject {
  readonly spec?: { readonly storageClassName?: string } | undefined;
}

/** Undefined when the object names no class, which is not the same as naming the class "". */
export function storageClassNameOf({ metadata, spec }: Classed): string | undefined {
  const annotations = metadata.annotations ?? {};
  return Object.hasOwn(annotations, BETA_CLASS) ? annotations[BETA_CLASS] : spec?.storageClassName;
}
