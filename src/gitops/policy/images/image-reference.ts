/** Names of container images, as the distribution project's reference grammar has them. */

export interface ImageReference {
  /** `docker.io` where none is named. */
  readonly registry: string;
  /** With `library/` where docker.io has no other owner. */
  readonly repository: string;
  /** Undefined: none is named, which means `latest`. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Longest name accepted. */
const MAX_LENGTH = 1024;
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** Undefined: it is no image name. */
export function parseImage(image: string): ImageReference | undefined {
  if (image.length > MAX_LENGTH) return undefined;
  const [named = "", digest, ...more] = image.split("@");
  if (more.length > 0) return undefined;
  if (digest !== undefined && !/^[a-z0-9]+:[0-9a-f]{32,128}$/.test(digest)) return undefined;
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === "localhost";
  const registry = isRegistry ? first.toLowerCase() : "docker.io";
  const rest = isRegistry ? named.slice(slash + 1) : named;
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) return undefined;
  if (!path.split("/").every((part) => PATH.test(part))) return undefined;
  const isLibrary = registry === "docker.io" && !path.includes("/");
  const home = registry === "index.docker.io" ? "docker.io" : registry;
  return { registry: home, repository: isLibrary ? `library/${path}` : path, tag, digest };
}

/** In full, as lists of images name it: `docker.io/library/nginx:1.27`. */
export function formatImage({ registry, repository, tag, digest }: ImageReference): string {
  const named = `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}`;
  return digest === undefined ? named : `${named}@${digest}`;
}
