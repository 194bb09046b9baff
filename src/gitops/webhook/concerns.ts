/** Whom a push concerns. Pure. */
import { repositoryId } from "./repository-id.ts";
import type { PushEvent } from "./sender.ts";

/** A source of an Application, as far as a push can concern it. */
export interface Followed {
  readonly repoURL: string;
  /** Empty or `HEAD`: whatever the repository has first. */
  readonly revision: string;
  /** Of a Helm repository. */
  readonly chart?: string | undefined;
}

export function concerns(push: PushEvent, source: Followed): boolean {
  return concernsGit(push, source) || concernsArtifact(push, source);
}

function concernsGit({ urls, refs }: PushEvent, { repoURL, revision }: Followed): boolean {
  const own = repositoryId(repoURL);
  if (own === undefined || !urls.some((pushed) => repositoryId(pushed) === own)) return false;
  if (refs.length === 0 || revision === "" || revision === "HEAD" || isRange(revision)) return true;
  return refs.some(
    (ref) =>
      ref === revision || ref === `refs/heads/${revision}` || ref === `refs/tags/${revision}`,
  );
}

function concernsArtifact(
  { artifacts }: PushEvent,
  { repoURL, revision, chart }: Followed,
): boolean {
  if (artifacts.length === 0) return false;
  const place = artifactPlace(
    chart === undefined ? repoURL : `${repoURL.replace(/\/+$/, "")}/${chart}`,
  );
  return artifacts.some((artifact) => {
    const { name, tag } = splitTag(artifactPlace(artifact));
    const isSame = name.startsWith("*/") ? place.endsWith(name.slice(1)) : name === place;
    if (!isSame) return false;
    return tag === undefined || revision === "" || revision === tag || isRange(revision);
  });
}

/** A semver range, or a pattern of tags: any new tag may be the next one. */
const isRange = (revision: string): boolean =>
  /[*^~<>=|, ]|(^|\.)[xX](\.|$)/.test(revision) || /^\d+(\.\d+)?$/.test(revision);

/** Docker's own registry has many names, and official images are below `library`. */
function artifactPlace(reference: string): string {
  const plain = reference.replace(/^[a-z][a-z+]*:\/\//i, "").toLowerCase();
  return plain
    .replace(/^(registry-1|index|registry\.hub)\.docker\.(io|com)\//, "docker.io/")
    .replace(/^docker\.io\/([^/]+)$/, "docker.io/library/$1");
}

function splitTag(artifact: string): { name: string; tag: string | undefined } {
  const [withTag = ""] = artifact.split("@");
  const colon = withTag.lastIndexOf(":");
  // A colon before the last slash is a port's.
  if (colon <= withTag.lastIndexOf("/")) return { name: withTag, tag: undefined };
  const tag = withTag.slice(colon + 1);
  return { name: withTag.slice(0, colon), tag: tag === "" ? undefined : tag };
}
