/** What can happen to an Application that people want to be told. */
import type { Trigger } from "../../kube/kinds/alert.ts";
import type { Application } from "../../kube/kinds/application.ts";

/** Happenings of one concern follow each other: a newer one makes an older one that still waits stale. */
export type Concern =
  | "progress"
  | "sync"
  | "deployed"
  | "health"
  | "trouble"
  | "drift"
  | "rollback"
  | "policy";

/** An object of the Application and what is with it. */
export interface Mention {
  /** `Deployment.apps default/web`. */
  readonly object: string;
  readonly message: string;
}

export interface Happening {
  /** Begins with the trigger; equal for the same happening, after a restart too. */
  readonly id: string;
  readonly trigger: Trigger;
  readonly concern: Concern;
  readonly severity: "info" | "error";
  /** A CamelCase word for machines. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  /** As it was right after. */
  readonly application: Application;
  readonly revision?: string;
  readonly author?: string;
  /** First line of the commit message. */
  readonly subject?: string;
  readonly plan?: { create: number; update: number; replace: number; prune: number };
  /** Objects that failed, differ or are unhealthy; the first of them. */
  readonly objects: readonly Mention[];
  /** Told only where the last of this concern was one of this trigger: there is no good end without a bad begin. */
  readonly endOf?: Trigger;
}

/** What an Alert without triggers is about: everything but what a sync passes through. */
export const DEFAULT_TRIGGERS: readonly Trigger[] = [
  "on-sync-succeeded",
  "on-sync-failed",
  "on-health-degraded",
  "on-health-recovered",
  "on-sync-status-unknown",
  "on-trouble-resolved",
  "on-drift-detected",
  "on-drift-healed",
  "on-rollback",
  "on-policy-finding",
];
