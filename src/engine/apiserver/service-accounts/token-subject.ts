/** Whether what a token speaks for is still there. Reads the store; called for every request. */
import { timingSafeEqual } from "node:crypto";
import type { Secret } from "../../../kube/kinds/secret.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { Store } from "../../store/store.ts";
import type { Named, TokenClaims } from "./token-claims.ts";

/** How long the token of a pod outlives its deletion timestamp: what it does last may need it. */
const DELETION_LEEWAY_MS = 60_000;

export function subjectExists(
  store: Store,
  { namespace, serviceAccount, pod, node, secret, isLegacy }: TokenClaims,
  token: string,
  nowMs: number,
): boolean {
  const find = (plural: string, name: string, where = namespace): KubeObject | undefined =>
    store.get({ group: "", plural, namespace: where, name })?.object;
  const isLive = (object: KubeObject | undefined, { uid }: Named): boolean =>
    object !== undefined && object.metadata.uid === uid && !isPastDeletion(object, nowMs);
  if (!isLive(find("serviceaccounts", serviceAccount.name), serviceAccount)) return false;
  if (pod !== undefined && !isLive(find("pods", pod.name), pod)) return false;
  // The node of a pod is only told: the pod itself is what the token stands and falls with.
  if (pod === undefined && node !== undefined && !isLive(find("nodes", node.name, ""), node))
    return false;
  if (secret === undefined) return true;
  const found = find("secrets", secret.name) as Secret | undefined;
  return isLegacy ? holdsToken(found, token) : isLive(found, secret);
}

function isPastDeletion({ metadata: { deletionTimestamp } }: KubeObject, nowMs: number): boolean {
  return (
    deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + DELETION_LEEWAY_MS < nowMs
  );
}

function holdsToken(secret: Secret | undefined, token: string): boolean {
  const stored = Buffer.from(secret?.data?.["token"] ?? "", "base64");
  const presented = Buffer.from(token);
  return stored.length === presented.length && timingSafeEqual(stored, presented);
}
