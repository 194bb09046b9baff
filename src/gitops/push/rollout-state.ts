/** Where the rollout of a pushed commit stands, by what its Application's status says. Pure. */
import type { Application } from "../../kube/kinds/application.ts";

export type RolloutState =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "superseded"; readonly by: string }
  /** `why`: what it waits for, where that is known. */
  | { readonly kind: "waiting"; readonly why: string | undefined }
  /** Applied; its workloads are not healthy yet. */
  | { readonly kind: "progressing" };

export interface Pushed {
  readonly commit: string;
  /** What the Application had synced when the push began. */
  readonly before: string | undefined;
}

export function rolloutState({ status }: Application, { commit, before }: Pushed): RolloutState {
  if (status?.rollback?.insteadOf === commit)
    return { kind: "failed", why: `it was rolled back to ${short(status.rollback.revision)}` };
  const revision = status?.sync?.revision;
  const operation = status?.operationState;
  const isOperated = operation?.syncResult?.revision === commit;
  if (isOperated && (operation.phase === "Failed" || operation.phase === "Error"))
    return { kind: "failed", why: operation.message ?? "the sync failed" };
  if (revision !== commit) {
    const isOther = revision !== undefined && revision !== before;
    if (isOther && !isOperated) return { kind: "superseded", by: revision };
    return { kind: "waiting", why: status?.conditions?.[0]?.message };
  }
  if (isOperated && operation.phase === "Running") return { kind: "progressing" };
  if (status?.sync?.status !== "Synced")
    return { kind: "waiting", why: status?.conditions?.[0]?.message };
  switch (status.health?.status) {
    case "Healthy":
    case "Suspended":
      return { kind: "done" };
    case "Degraded":
      return { kind: "failed", why: status.health.message ?? "it is degraded" };
    default:
      return { kind: "progressing" };
  }
}

export const short = (commit: string): string => commit.slice(0, 10);
