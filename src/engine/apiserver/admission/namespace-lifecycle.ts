/** Objects live in namespaces that exist and are not on their way out; some namespaces never go. */
import { type Namespace, namespaces } from "../../../kube/kinds/namespace.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

/** The cluster does not work without them. */
const IMMORTAL: readonly string[] = ["default", "kube-system", "kube-public"];

/**
 * The check runs inside the writer against committed state. So once the namespace controller sees
 * a namespace terminating, nothing new can appear in it.
 */
export function namespaceLifecycle(store: Store): AdmissionPlugin {
  return {
    name: "NamespaceLifecycle",
    validate: (_object, request) => {
      if (request.operation === "CREATE") checkNamespace(store, request);
      if (request.operation === "DELETE") checkMortal(request);
    },
  };
}

function checkNamespace(store: Store, { target }: AdmissionRequest): void {
  const { kind, namespace, name } = target;
  if (!kind.kind.namespaced || namespace === undefined) return;
  const { group, plural } = namespaces;
  const stored = store.get({ group, plural, namespace: "", name: namespace });
  if (stored === undefined) throw StatusError.notFound(namespaces, namespace);
  const { metadata, status } = stored.object as Namespace;
  if (metadata.deletionTimestamp === undefined && status?.phase !== "Terminating") return;
  throw forbidden(
    kind.kind,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    },
  );
}

function checkMortal({ target: { kind, name } }: AdmissionRequest): void {
  const { group, plural } = kind.kind;
  if (group !== "" || plural !== "namespaces" || !IMMORTAL.includes(name)) return;
  throw forbidden(kind.kind, name, "this namespace may not be deleted");
}
