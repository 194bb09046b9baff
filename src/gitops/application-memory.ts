/** What the operator keeps of an Application between two looks; all of it can be lost without harm. */
import type { Application } from "../kube/kinds/application.ts";
import type { ApplicationManifests } from "./application-manifests.ts";
import type { Derived, Desired } from "./plan/desired.ts";
import { Verified } from "./plan/planner.ts";
import type { Trouble } from "./report/application-status.ts";
import type { Attempts } from "./sync-decision.ts";

/** What the repository said, and for which source. */
interface Known {
  readonly manifests: ApplicationManifests;
  readonly source: string;
}
/** The repository could not be read. */
interface SourceFailure {
  readonly trouble: Trouble;
  readonly source: string;
  /** In a row. */
  readonly failures: number;
  readonly retryAtMs: number;
}
export class ApplicationMemory {
  /** Of the revision that the Application follows. */
  newest: Known | undefined;
  /** The last without errors: goes on to count while a newer revision cannot be used. */
  good: Known | undefined;
  /** The newest revision that was seen, errors or not, and since when. */
  newestRevision: string | undefined;
  newestSinceMs = 0;
  derived: (Derived & { readonly from: string }) | undefined;
  attempts: Attempts | undefined;
  /** The sync under way, and the keys of the objects that it has applied. */
  sync: { readonly id: string; readonly applied: Set<string> } | undefined;
  /** Of an Application that is being deleted: hooks of its manifests, and when one failed. */
  deletionHooks: readonly Desired[] | undefined;
  deletionFailedAtMs: number | undefined;
  readonly verified = new Verified();
  sourceFailure: SourceFailure | undefined;
  /** Since when the repository is to be asked again; undefined when what is known is good enough. */
  staleSinceMs: number | undefined;
  resolvedAtMs = Number.NEGATIVE_INFINITY;
  /** The Application as the operator itself wrote it last. */
  #writtenRevision = 0;

  markStale(nowMs: number): void {
    this.staleSinceMs = nowMs;
    if (this.sourceFailure !== undefined)
      this.sourceFailure = { ...this.sourceFailure, retryAtMs: nowMs };
  }
  wrote(application: Application): void {
    this.#writtenRevision = revisionOf(application);
  }
  /** Whether a copy of the Application is older than the operator's own writes. */
  isBehind(application: Application): boolean {
    return revisionOf(application) < this.#writtenRevision;
  }
}

const revisionOf = ({ metadata }: Application): number => Number(metadata.resourceVersion ?? 0);
