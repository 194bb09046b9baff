/**
 * Credentials of repositories, from Secrets as Argo CD users have them: label `secret-type:
 * repository` (or `repo-creds`, for every repository below a URL prefix) with the keys `url`,
 * `username`, `password`, or `bearerToken`.
 */
import type { CredentialProvider } from "../gitops/source/source.ts";
import { type Secret, secrets } from "../kube/kinds/secret.ts";
import { keyOf } from "../kube/object.ts";
import type { Client } from "../client/client.ts";
import { Informer } from "../client/informer.ts";

export const SECRET_TYPE_LABELS = ["gantry.dev/secret-type", "argocd.argoproj.io/secret-type"];

/** An informer of the Secrets that may hold repository credentials or webhook secrets. */
export function credentialSecrets(client: Client): readonly Informer<Secret>[] {
  return SECRET_TYPE_LABELS.map((label) => new Informer(client, secrets, { labelSelector: label }));
}

/** The most specific Secret for a repository; exact URLs win over prefixes. */
export function credentialsFor(
  candidates: readonly Secret[],
  repoURL: string,
): CredentialProvider | undefined {
  let best: { secret: Secret; length: number } | undefined;
  for (const secret of candidates) {
    const type = SECRET_TYPE_LABELS.map((label) => secret.metadata.labels?.[label]).find(
      (found) => found !== undefined,
    );
    const url = decode(secret, "url");
    if (url === undefined || url === "") continue;
    const isMatch = type === "repository" ? sameUrl(url, repoURL) : repoURL.startsWith(url);
    const length = type === "repository" ? Number.POSITIVE_INFINITY : url.length;
    if (isMatch && (type === "repository" || type === "repo-creds") && length > (best?.length ?? 0))
      best = { secret, length };
  }
  return best === undefined ? undefined : providerOf(best.secret);
}

function providerOf(secret: Secret): CredentialProvider {
  const { uid = "", resourceVersion = "" } = secret.metadata;
  const token = decode(secret, "bearerToken");
  const username = decode(secret, "username") ?? "";
  const password = decode(secret, "password") ?? "";
  return {
    id: `secret/${keyOf(secret)}/${uid}/${resourceVersion}`,
    get: () =>
      Promise.resolve(
        token !== undefined && token !== ""
          ? { kind: "bearer", token }
          : { kind: "basic", username, password },
      ),
  };
}

export function decode(secret: Secret, key: string): string | undefined {
  const value = secret.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8").trim();
}

const plain = (url: string): string => url.replace(/\/+$/, "").replace(/\.git$/, "");
const sameUrl = (a: string, b: string): boolean => plain(a) === plain(b);
