/** What an Application's repository says at a revision: the input of the plan. */
import { type Application, mainSource } from "../kube/kinds/application.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Finding } from "./check/finding.ts";
import type { Origin } from "./plan/desired.ts";
import type { CommitSummary } from "./report/application-status.ts";

export interface ApplicationManifests {
  /**
   * Of the first source: the newest commit that made a difference to this Application. Commits that
   * touch none of its files do not count, so they cost it nothing, and undo no rollback.
   */
  readonly commit: CommitSummary;
  /** Equal ids mean equal manifests: what was derived from them can be kept. */
  readonly id: string;
  readonly manifests: readonly { readonly object: KubeObject; readonly origin: Origin }[];
  /** False when the folder has parts that are not rendered: what is missing here may still be meant. */
  readonly complete: boolean;
  /** Problems that forbid applying any of it, worded with file, line and advice. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** The same, for those who want the places. */
  readonly findings?: readonly Finding[];
}

export interface ManifestRequest {
  readonly revision: string;
  /**
   * What was known of the repository's refs before this time is too old; milliseconds since the
   * epoch. @default whatever is known is good enough
   */
  readonly notBeforeMs?: number;
  readonly signal: AbortSignal;
}

export interface ManifestSource {
  /** @throws SourceError */
  manifestsOf(application: Application, request: ManifestRequest): Promise<ApplicationManifests>;
  /** Whether changes of this Application's repository announce themselves, or must be polled for. */
  isWatched(application: Application): boolean;
  /** Gives back what an Application used that is gone, by its `namespace/name`. */
  forget(applicationKey: string): Promise<void>;
}

/** The revision that an Application follows. */
export function targetRevision(application: Application): string {
  return mainSource(application.spec).targetRevision ?? "HEAD";
}
