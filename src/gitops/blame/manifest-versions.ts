/** An object as the file that it comes from said at each commit: only changed files are read. */
import { type ManifestFile, manifestsOf } from "../render/manifest-file.ts";
import { RenderCache } from "../render/render-cache.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { CommitInfo, Tree } from "../source/source.ts";
import { SourceError } from "../source/source-error.ts";
import type { ManifestVersion } from "./find-commits.ts";

/** As the renderer's own limit for one file. */
const MAX_FILE_BYTES = 3 * 1024 * 1024;

export interface VersionsOptions {
  /** Newest first. */
  readonly commits: readonly CommitInfo[];
  readonly treeOf: (commit: CommitInfo) => Promise<Tree>;
  readonly file: string;
  readonly kind: string;
  readonly name: string;
}

/** Where a program renders the file (a Helm template, a patch), no object of that name stands in it. */
export async function* manifestVersions(options: VersionsOptions): AsyncGenerator<ManifestVersion> {
  const cache = new RenderCache();
  const known = new Map<string, KubeObject | undefined>();
  for (const commit of options.commits) {
    const found = await blobOf(await options.treeOf(commit), options.file);
    if (found === undefined) {
      yield { commit, object: undefined };
      continue;
    }
    if (!known.has(found.id))
      known.set(found.id, objectIn(cache.read(found.id, await found.read()), options));
    yield { commit, object: known.get(found.id), fileId: found.id };
  }
}

function objectIn(
  file: ManifestFile,
  { kind, name, file: path }: VersionsOptions,
): KubeObject | undefined {
  return manifestsOf(file, path).find(
    ({ object }) => object.kind === kind && object.metadata.name === name,
  )?.object;
}

async function blobOf(
  tree: Tree,
  path: string,
): Promise<{ readonly id: string; readonly read: () => Promise<Uint8Array> } | undefined> {
  try {
    const entry = await tree.entry(path);
    if (entry?.kind !== "file") return undefined;
    return { id: entry.id, read: () => tree.blob(entry.id, { maxBytes: MAX_FILE_BYTES }) };
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}
