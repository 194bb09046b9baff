/**
 * The destination namespace with the labels and annotations of
 * `spec.syncPolicy.managedNamespaceMetadata`. Several Applications may share it, so it is nobody's:
 * it carries no marks, is never pruned, and each applies its part as a field manager of its own.
 */
import { type Application } from "../../kube/kinds/application.ts";
import { namespaces } from "../../kube/kinds/namespace.ts";
import type { KubeObject } from "../../kube/object.ts";
import { keyOf } from "../../kube/object.ts";
import { type Desired, sha256 } from "./desired.ts";
import { FIELD_MANAGER } from "./field-manager.ts";
import { ignoredFields } from "./ignore-rules.ts";
import { refOf } from "./object-ref.ts";
import { syncOptionsOf } from "./sync-options.ts";
import { manifestJson, trackingLabel } from "./tracking.ts";

/** Undefined when there is nothing to say of it, or a manifest says it. */
export function destinationNamespace(
  application: Application,
  desired: readonly Desired[],
): Desired | undefined {
  const { syncPolicy, destination } = application.spec;
  const managed = syncPolicy?.managedNamespaceMetadata;
  const options = syncOptionsOf(application);
  const name = destination.namespace;
  if (managed === undefined || !options.createNamespace || name === undefined) return undefined;
  const isManifest = desired.some(
    ({ ref }) => ref.kind === "Namespace" && ref.group === "" && ref.name === name,
  );
  if (isManifest) return undefined;
  const { labels, annotations } = managed;
  const object: KubeObject = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
  return {
    ref: refOf(object),
    resource: namespaces,
    object,
    hash: sha256(manifestJson(object)),
    origin: { file: "spec.syncPolicy.managedNamespaceMetadata", line: 1 },
    options: { ...options, replace: false, force: false },
    wave: 0,
    manager: `${FIELD_MANAGER}-namespace-${trackingLabel(keyOf(application), sha256)}`,
    ignored: ignoredFields(undefined, refOf(object)),
  };
}
