import type {
  ApplicationManifests,
  ManifestRequest,
  ManifestSource,
} from "../../../src/gitops/application-manifests.ts";
import type { Application } from "../../../src/kube/kinds/application.ts";
import { deepFreeze, type KubeObject } from "../../../src/kube/object.ts";

interface Folders {
  readonly [application: string]: readonly object[];
}

/**
 * One repository with a folder for each Application. As in the real one, the commit that counts for
 * an Application is the newest that touched its folder.
 */
export class FakeMonorepo implements ManifestSource {
  readonly #commits: { readonly id: string; readonly folders: Folders }[] = [];

  /** Folders that are not named stay as they are. Returns the revision. */
  push(folders: Folders): string {
    const number = this.#commits.length + 1;
    const id = number.toString(16).padStart(4, "0").padEnd(40, "0");
    this.#commits.push({ id, folders });
    return id;
  }

  async manifestsOf(
    { metadata }: Application,
    { revision }: ManifestRequest,
  ): Promise<ApplicationManifests> {
    await Promise.resolve();
    const last = this.#commits.findIndex(({ id }) => id === revision);
    const known = revision === "HEAD" ? this.#commits : this.#commits.slice(0, last + 1);
    const found = known.findLast(({ folders }) => metadata.name in folders) ?? known[0];
    const objects = found?.folders[metadata.name] ?? [];
    return {
      commit: { id: found?.id ?? "", author: "Ada", subject: "push" },
      id: `${metadata.name}/${found?.id ?? ""}`,
      manifests: objects.map((object) => ({
        object: deepFreeze(structuredClone(object)) as KubeObject,
        origin: { file: `${metadata.name}/all.yaml`, line: 1 },
      })),
      complete: true,
      errors: [],
      warnings: [],
    };
  }

  isWatched(): boolean {
    return true;
  }
  forget(): Promise<void> {
    return Promise.resolve();
  }
}
