/** `oci://registry/repository`, as Argo CD, Flux and Helm write it. */
import type { ConnectionOptions } from "../../source.ts";
import { SourceError } from "../../source-error.ts";

export interface OciRepository {
  /** As it is shown and shared: without credentials and trailing slashes. */
  readonly url: string;
  /** `https://registry`, where the API is. */
  readonly origin: string;
  /** `team/app` */
  readonly name: string;
}

/** The grammar of the distribution specification. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const MAX_URL_LENGTH = 1024;
/** What people write for Docker Hub, and where its API is. */
const DOCKER_HUB: ReadonlySet<string> = new Set(["docker.io", "index.docker.io"]);

export function isOciUrl(repoUrl: string): boolean {
  return /^oci:\/\//i.test(repoUrl);
}

/**
 * Argo CD writes registries of charts without a scheme: `registry.example.com/charts`.
 * @returns undefined for what begins with no host
 */
export function chartRegistryUrl(repoUrl: string): string | undefined {
  const host = String.raw`(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost)(?::\d+)?`;
  return new RegExp(`^${host}(/|$)`, "i").test(repoUrl) ? `oci://${repoUrl}` : undefined;
}

/**
 * @param chart a Helm chart in a registry is a repository below `repoURL`
 * @param connection a registry of this machine is spoken to over plain HTTP, unless it has a CA
 * @throws SourceError `bad-url`
 */
export function parseOciUrl(
  repoUrl: string,
  chart: string | undefined,
  connection: ConnectionOptions = {},
): OciRepository {
  const rest = repoUrl.replace(/^oci:\/\//i, "").replace(/\/+$/, "");
  const [host = "", ...path] = rest.split("/");
  if (chart !== undefined) path.push(chart);
  const name = path.join("/");
  if (repoUrl.length > MAX_URL_LENGTH || host.includes("@") || !URL.canParse(`https://${host}`))
    throw badUrl("it has credentials in it, is too long or no URL");
  if (name !== "" && /[:@]/.test(name))
    throw badUrl("it has a tag or a digest in it, which belongs into targetRevision");
  if (host === "" || !NAME.test(name)) throw badUrl("it names no registry and repository");
  const { hostname } = new URL(`https://${host}`);
  const isThisMachine = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const at = DOCKER_HUB.has(host) ? "registry-1.docker.io" : host;
  const isPlain = connection.plainHttp ?? (isThisMachine && connection.ca === undefined);
  const { origin } = new URL(`${isPlain ? "http" : "https"}://${at}`);
  return { url: `oci://${host}/${name}`, origin, name };
}

function badUrl(what: string): SourceError {
  return new SourceError("bad-url", {
    what: `the OCI URL cannot be used: ${what}`,
    where: "repoURL",
    advice: "Write oci://registry.example.com/team/app, lower case.",
  });
}
