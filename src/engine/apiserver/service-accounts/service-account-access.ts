/**
 * What service accounts may do as long as there is no RBAC to say it: read the workloads and the
 * configuration of their own namespace, which is what clients in pods look for. No Secrets, no
 * writes, nothing of other namespaces or of the cluster. Processes are not isolated from each other,
 * so this tells a pod nothing that it could not find out on its machine.
 */
import type { AccessRequest, Authorizer, Decision, Verb } from "../authorizer.ts";
import { namespaceOfUser } from "./token-claims.ts";

const READING: ReadonlySet<Verb> = new Set(["get", "list", "watch"]);
/** `<plural>.<group>`. A list of what may be read: what is added later stays closed. */
const READABLE: ReadonlySet<string> = new Set([
  "pods.",
  "services.",
  "endpoints.",
  "configmaps.",
  "events.",
  "replicationcontrollers.",
  "serviceaccounts.",
  "persistentvolumeclaims.",
  "deployments.apps",
  "replicasets.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "jobs.batch",
  "cronjobs.batch",
  "endpointslices.discovery.k8s.io",
  "ingresses.networking.k8s.io",
  "leases.coordination.k8s.io",
  "poddisruptionbudgets.policy",
]);
const READABLE_PARTS: ReadonlySet<string | undefined> = new Set([undefined, "status", "scale"]);

export const ownNamespaceReader: Authorizer = {
  authorize: ({ user, verb, group, plural, subresource, namespace }: AccessRequest): Decision => ({
    allowed:
      namespace !== undefined &&
      namespace !== "" &&
      namespaceOfUser(user.name) === namespace &&
      READING.has(verb) &&
      READABLE.has(`${plural}.${group}`) &&
      READABLE_PARTS.has(subresource),
  }),
};

/** Allowed when one of them allows it. */
export function anyOf(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize: (request) =>
      authorizers.some((each) => each.authorize(request).allowed)
        ? { allowed: true }
        : { allowed: false },
  };
}
