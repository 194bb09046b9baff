/**
 * Credentials of repositories, from Secrets as Argo CD users have them: label `secret-type:
 * repository` (or `repo-creds`, for every repository below a URL), with Argo CD's keys or Flux's.
 * A Secret in one of the shared namespaces holds for all Applications; elsewhere it holds for those
 * of its own namespace: nobody lends a proxy or an authority to somebody else's repository.
 */
import { createHash } from "node:crypto";
import type { Client } from "../client/client.ts";
import { Informer } from "../client/informer.ts";
import { GitHubAppTokens } from "../gitops/source/github-app.ts";
import { parseRepositoryUrl } from "../gitops/source/repo-url.ts";
import type { ConnectionOptions, Credential, CredentialProvider } from "../gitops/source/source.ts";
import type { ConfigMap } from "../kube/kinds/configmap.ts";
import { type Secret, secrets } from "../kube/kinds/secret.ts";
import { keyOf } from "../kube/object.ts";
import { isStatus } from "../kube/status-error.ts";
import { trustFor } from "./repository-trust.ts";

export const SECRET_TYPE_LABELS = ["gantry.dev/secret-type", "argocd.argoproj.io/secret-type"];
/** Where the people who run the server keep what holds for everybody. */
export const SHARED_NAMESPACES: ReadonlySet<string> = new Set([
  "default",
  "gantry-system",
  "argocd",
]);

/** Each setting by its keys in Argo CD, Gantry, Flux and Kubernetes; the first one found counts. */
const KEYS = {
  bearerToken: ["bearerToken"],
  username: ["username"],
  password: ["password"],
  privateKey: ["sshPrivateKey", "identity", "ssh-privatekey"],
  passphrase: ["sshPrivateKeyPassphrase", "password"],
  certificate: ["tlsClientCertData", "tls.crt", "certFile"],
  certificateKey: ["tlsClientCertKey", "tls.key", "keyFile"],
  ca: ["caData", "ca.crt", "caFile"],
  knownHosts: ["knownHosts", "known_hosts"],
  proxy: ["proxy"],
  noProxy: ["noProxy"],
  insecure: ["insecure", "insecureIgnoreHostKey"],
  plainHttp: ["insecureOCIForceHttp"],
  passCredentials: ["passCredentials"],
  appId: ["githubAppID"],
  installationId: ["githubAppInstallationID"],
  appKey: ["githubAppPrivateKey"],
  appBaseUrl: ["githubAppEnterpriseBaseUrl"],
} as const;

export interface RepositoryUser {
  /** Of the Application. */
  readonly namespace: string | undefined;
  /** Those that say whom to trust; see `trustConfigMaps`. */
  readonly configMaps: readonly ConfigMap[];
}

/** An informer of the Secrets that may hold repository credentials or webhook secrets. */
export function credentialSecrets(client: Client): readonly Informer<Secret>[] {
  return SECRET_TYPE_LABELS.map((label) => new Informer(client, secrets, { labelSelector: label }));
}

/**
 * How an Application reaches a repository. The Secrets of its own namespace win over shared ones,
 * exact URLs over prefixes, long prefixes over short ones.
 */
export function credentialsFor(
  candidates: readonly Secret[],
  repoURL: string,
  user: RepositoryUser,
): CredentialProvider | undefined {
  const holds = ({ metadata }: Secret | ConfigMap): boolean =>
    metadata.namespace === user.namespace || SHARED_NAMESPACES.has(metadata.namespace ?? "");
  const trust = trustFor(user.configMaps.filter(holds), repoURL);
  const secret = bestFor(candidates.filter(holds), repoURL, user.namespace);
  if (secret === undefined && Object.keys(trust).length === 0) return undefined;
  const connection = { ...trust, ...(secret === undefined ? {} : connectionOf(secret)) };
  const { uid = "", resourceVersion = "" } = secret?.metadata ?? {};
  const id = secret === undefined ? "trust" : `secret/${keyOf(secret)}/${uid}/${resourceVersion}`;
  // What is trusted counts, too: another authority means another source.
  const sum = createHash("sha256").update(JSON.stringify(connection)).digest("hex");
  return {
    id: `${id}/${sum}`,
    connection,
    get: async (signal) =>
      secret === undefined ? undefined : credentialOf(secret, repoURL, connection, signal),
  };
}

function bestFor(
  candidates: readonly Secret[],
  repoURL: string,
  namespace: string | undefined,
): Secret | undefined {
  let best: { secret: Secret; rank: number } | undefined;
  for (const secret of candidates) {
    const type = SECRET_TYPE_LABELS.map((label) => secret.metadata.labels?.[label]).find(
      (found) => found !== undefined,
    );
    const url = decode(secret, "url");
    if (url === undefined || url === "") continue;
    const fits =
      (type === "repository" && comparable(url) === comparable(repoURL)) ||
      (type === "repo-creds" && isBelow(comparable(repoURL), comparable(url)));
    if (!fits) continue;
    const isOwn = secret.metadata.namespace === namespace;
    const rank = (isOwn ? 1e9 : 0) + (type === "repository" ? 1e6 : 0) + url.length;
    if (best === undefined || rank > best.rank) best = { secret, rank };
  }
  return best?.secret;
}

/** A prefix ends where a name in the URL does: `…/team` does not cover `…/team-two`. */
function isBelow(url: string, prefix: string): boolean {
  return url === prefix || url.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
}

/** One spelling for `HTTPS://Host:443/a.git/`, `git@host:a` and the like. */
function comparable(url: string): string {
  try {
    const location = parseRepositoryUrl(url);
    if (location.kind === "remote") return withoutSuffix(remoteName(location));
  } catch {
    // Registries have schemes that Git has not; prefixes may lack a path.
  }
  return withoutSuffix(URL.parse(url)?.href ?? url);
}

function remoteName(location: Extract<ReturnType<typeof parseRepositoryUrl>, { kind: "remote" }>) {
  if (location.ssh === undefined) return location.url;
  const { user, host, port, path } = location.ssh;
  return `ssh://${user}@${host}:${port}/${path.replace(/^\/+/, "")}`;
}

function withoutSuffix(url: string): string {
  return url.replace(/\/+$/, "").replace(/\.git$/, "");
}

function connectionOf(secret: Secret): ConnectionOptions {
  const read = reader(secret);
  const isTrue = (setting: keyof typeof KEYS): boolean => read(setting)?.toLowerCase() === "true";
  const [certificate, key] = [read("certificate"), read("certificateKey")];
  const [ca, knownHosts, proxy, noProxy] = [
    read("ca"),
    read("knownHosts"),
    read("proxy"),
    read("noProxy"),
  ];
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined &&
      key !== undefined && { clientCertificate: { certificate, key } }),
    ...(knownHosts !== undefined && { knownHosts }),
    ...(proxy !== undefined && { proxy }),
    ...(noProxy !== undefined && { noProxy }),
    ...(isTrue("insecure") && { insecure: true }),
    ...(isTrue("plainHttp") && { plainHttp: true }),
    ...(isTrue("passCredentials") && { passCredentials: true }),
  };
}

async function credentialOf(
  secret: Secret,
  repoURL: string,
  connection: ConnectionOptions,
  signal: AbortSignal,
): Promise<Credential | undefined> {
  const read = reader(secret);
  const privateKey = read("privateKey");
  if (privateKey !== undefined) {
    const passphrase = read("passphrase");
    return { kind: "ssh-key", privateKey, ...(passphrase !== undefined && { passphrase }) };
  }
  const tokens = githubTokens(secret, connection);
  if (tokens !== undefined)
    return {
      kind: "basic",
      username: "x-access-token",
      password: await tokens.tokenFor(repoURL, signal),
    };
  const token = read("bearerToken");
  if (token !== undefined) return { kind: "bearer", token };
  const [username, password] = [read("username"), read("password")];
  if (username === undefined && password === undefined) return undefined;
  return { kind: "basic", username: username ?? "", password: password ?? "" };
}

/** Tokens last an hour and are kept as long as the Secret is the same. */
const githubTokensOf = new WeakMap<Secret, GitHubAppTokens>();

function githubTokens(secret: Secret, connection: ConnectionOptions): GitHubAppTokens | undefined {
  const known = githubTokensOf.get(secret);
  if (known !== undefined) return known;
  const read = reader(secret);
  const [appId, privateKey] = [read("appId"), read("appKey")];
  if (appId === undefined || privateKey === undefined) return undefined;
  const [installationId, baseUrl] = [read("installationId"), read("appBaseUrl")];
  const app = {
    appId,
    privateKey,
    ...(installationId !== undefined && { installationId }),
    ...(baseUrl !== undefined && { baseUrl }),
  };
  const tokens = new GitHubAppTokens(app, connection);
  githubTokensOf.set(secret, tokens);
  return tokens;
}

function reader(secret: Secret): (setting: keyof typeof KEYS) => string | undefined {
  return (setting) => {
    for (const key of KEYS[setting]) {
      const value = decode(secret, key);
      if (value !== undefined && value !== "") return value;
    }
    return undefined;
  };
}

/** Entries of a Secret that an Application names, such as public keys; undefined when there is none. */
export async function readSecret(
  client: Client,
  namespace: string,
  name: string,
): Promise<{ readonly id: string; readonly data: Readonly<Record<string, string>> } | undefined> {
  let secret: Secret;
  try {
    secret = await client.get(secrets, { namespace, name });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
  const { uid = "", resourceVersion = "" } = secret.metadata;
  const entries = Object.keys(secret.data ?? {}).map((key) => [key, decode(secret, key) ?? ""]);
  const data = Object.fromEntries(entries) as Record<string, string>;
  return { id: `${keyOf(secret)}/${uid}/${resourceVersion}`, data };
}

export function decode(secret: Secret, key: string): string | undefined {
  const value = secret.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8").trim();
}
