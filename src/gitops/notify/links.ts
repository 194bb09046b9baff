/** Addresses that a message may lead to: only http and https, whatever a repository says. */
import { type Application, sourcesOf } from "../../kube/kinds/application.ts";
import { repositoryPlace } from "../webhook/repository-id.ts";

/** Annotations whose value is an address of the application, as Argo CD shows them. */
const LINK_ANNOTATION = "link.argocd.argoproj.io/";
const MAX_LINK_CHARACTERS = 2_000;

/** The address as it may be shown; undefined for anything but a plain http(s) URL. */
export function safeLink(address: string | undefined): string | undefined {
  if (address === undefined || address.length > MAX_LINK_CHARACTERS) return undefined;
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return undefined;
  }
  if ((url.protocol !== "https:" && url.protocol !== "http:") || url.username !== "")
    return undefined;
  return url.password === "" ? url.href : undefined;
}

/** Where the application itself is to be seen: what its annotations or its Ingresses say. */
export function applicationLink({ metadata, status }: Application): string | undefined {
  const annotated = Object.entries(metadata.annotations ?? {})
    .filter(([name]) => name.startsWith(LINK_ANNOTATION))
    // Argo CD takes a title before the address: `Open|https://…`.
    .map(([, value]) => value.slice(value.indexOf("|") + 1).trim());
  return [...annotated, ...(status?.summary?.externalURLs ?? [])]
    .map((address) => safeLink(address))
    .find((address) => address !== undefined);
}

/** The forge's page of a commit, from the repository's URL; undefined where that is no forge's. */
export function commitLink(
  application: Application,
  revision: string | undefined,
): string | undefined {
  const repoURL = sourcesOf(application.spec)[0]?.repoURL;
  const place = repoURL === undefined ? undefined : repositoryPlace(repoURL);
  if (place === undefined || revision === undefined || !/^[0-9a-f]{40,64}$/.test(revision))
    return undefined;
  const { host, port, path } = place;
  const page = `https://${host}${port === undefined ? "" : `:${port}`}/${path}`;
  if (/(^|\.)bitbucket\./.test(host)) return safeLink(`${page}/commits/${revision}`);
  if (/gitlab/.test(host)) return safeLink(`${page}/-/commit/${revision}`);
  return safeLink(`${page}/commit/${revision}`);
}
