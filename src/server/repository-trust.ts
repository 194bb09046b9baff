/**
 * Whom all repositories of a server are trusted by: certificates and SSH host keys in ConfigMaps,
 * labelled `gantry.dev/config: tls-certs` or `ssh-known-hosts`, or Argo CD's own two by name.
 */
import type { Client } from "../client/client.ts";
import { Informer } from "../client/informer.ts";
import { parseRepositoryUrl } from "../gitops/source/repo-url.ts";
import type { ConnectionOptions } from "../gitops/source/source.ts";
import { type ConfigMap, configMaps } from "../kube/kinds/configmap.ts";

const CONFIG_LABEL = "gantry.dev/config";
const ARGO_CD_LABEL = "app.kubernetes.io/part-of";
const ARGO_CD_NAMES: Readonly<Record<string, string>> = {
  "argocd-tls-certs-cm": "tls-certs",
  "argocd-ssh-known-hosts-cm": "ssh-known-hosts",
};

export const TRUST_SELECTORS: readonly string[] = [CONFIG_LABEL, `${ARGO_CD_LABEL}=argocd`];

/** An informer of the ConfigMaps that may say whom to trust. */
export function trustConfigMaps(client: Client): readonly Informer<ConfigMap>[] {
  return TRUST_SELECTORS.map(
    (selector) => new Informer(client, configMaps, { labelSelector: selector }),
  );
}

/** What ConfigMaps say about the server of a repository. */
export function trustFor(
  candidates: readonly ConfigMap[],
  repoURL: string,
): Pick<ConnectionOptions, "ca" | "knownHosts"> {
  const host = hostOf(repoURL);
  const authorities: string[] = [];
  const hostKeys: string[] = [];
  for (const { metadata, data = {} } of candidates) {
    const config = metadata.labels?.[CONFIG_LABEL] ?? ARGO_CD_NAMES[metadata.name];
    if (config === "ssh-known-hosts") hostKeys.push(...Object.values(data));
    if (config === "tls-certs" && host !== undefined && data[host] !== undefined)
      authorities.push(data[host]);
  }
  return {
    ...(authorities.length > 0 && { ca: authorities.join("\n") }),
    ...(hostKeys.length > 0 && { knownHosts: hostKeys.join("\n") }),
  };
}

/** Without port: the keys of a ConfigMap cannot hold colons. */
function hostOf(repoURL: string): string | undefined {
  try {
    const location = parseRepositoryUrl(repoURL);
    if (location.kind === "local") return undefined;
    return location.ssh?.host ?? new URL(location.url).hostname;
  } catch {
    return URL.parse(repoURL)?.hostname;
  }
}
