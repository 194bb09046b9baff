import type {
  ApplicationManifests,
  ManifestRequest,
  ManifestSource,
} from "../../src/gitops/application-manifests.ts";
import { SourceError } from "../../src/gitops/source/source-error.ts";
import type { Application } from "../../src/kube/kinds/application.ts";
import { deepFreeze, type KubeObject } from "../../src/kube/object.ts";

export interface Push {
  readonly errors?: readonly string[];
  readonly warnings?: readonly string[];
  readonly complete?: boolean;
  /** Content id, where it is not simply another one. */
  readonly id?: string;
}

/** A repository that holds objects instead of files, one branch, and whatever goes wrong. */
export class FakeRepository implements ManifestSource {
  readonly #commits: ApplicationManifests[] = [];
  readonly forgotten: string[] = [];
  /** Every request that was answered or failed. */
  readonly requests: ManifestRequest[] = [];
  watched = true;
  failure: SourceError | undefined;
  /** Happens once, while the next request is under way, too late for its answer. */
  meanwhile: (() => void) | undefined;

  /** The new head; returns its revision. */
  push(
    objects: readonly object[],
    { errors = [], warnings = [], complete = true, id }: Push = {},
  ): string {
    const number = this.#commits.length + 1;
    const revision = number.toString(16).padStart(4, "0").padEnd(40, "0");
    const manifests = objects.map((object, index) => ({
      object: deepFreeze(structuredClone(object)) as KubeObject,
      origin: { file: "all.yaml", line: 10 * index + 1 },
    }));
    this.#commits.push({
      commit: { id: revision, author: "Ada", subject: `commit ${number}` },
      id: id ?? `content-${number}`,
      manifests,
      complete,
      errors,
      warnings,
    });
    return revision;
  }

  async manifestsOf(
    _application: Application,
    request: ManifestRequest,
  ): Promise<ApplicationManifests> {
    this.requests.push(request);
    await Promise.resolve();
    const { failure, meanwhile } = this;
    this.meanwhile = undefined;
    meanwhile?.();
    if (failure !== undefined) throw failure;
    const { revision } = request;
    const found =
      revision === "HEAD"
        ? this.#commits.at(-1)
        : this.#commits.find(({ commit }) => commit.id === revision);
    if (found !== undefined) return found;
    throw new SourceError("revision-not-found", {
      what: `there is no revision ${revision}`,
      where: "fake",
      advice: "Push it.",
    });
  }

  isWatched(): boolean {
    return this.watched;
  }
  forget(applicationKey: string): Promise<void> {
    this.forgotten.push(applicationKey);
    return Promise.resolve();
  }
}

export function unreachable(): SourceError {
  return new SourceError("unreachable", {
    what: "the host does not answer",
    where: "https://git.example.com/app.git",
    advice: "Check the network.",
  });
}
