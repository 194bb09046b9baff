/**
 * Kubeconfig documents: parsing, merging and choosing a context. Pure; `cluster-access.ts` reads
 * the files. Plugins (`exec`, `auth-provider`) are refused: a kubeconfig from a repository or a
 * Secret must never run a program (CVE-2022-24817).
 */
import { parse } from "yaml";
import { isObject, ownField, type UnknownObject } from "../../kube/json-object.ts";

/** A kubeconfig that cannot be used: says which file, what, and what to do. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

interface Named {
  readonly name: string;
  /** File that the entry came from: relative paths in it start at its folder. */
  readonly origin: string;
  readonly fields: UnknownObject;
}
export interface Kubeconfig {
  readonly origin: string;
  readonly currentContext: string | undefined;
  readonly clusters: readonly Named[];
  readonly users: readonly Named[];
  readonly contexts: readonly Named[];
}

/** Where a value is found: in the kubeconfig itself (base64 decoded), or in a file. */
export type Material =
  | { readonly inline: string }
  | { readonly path: string; readonly origin: string };

/** What one context says, files not yet read. */
export interface ContextSelection {
  readonly context: string;
  readonly server: string;
  readonly namespace: string;
  readonly insecureSkipTlsVerify: boolean;
  readonly tlsServerName?: string;
  readonly certificateAuthority?: Material;
  readonly clientCertificate?: Material;
  readonly clientKey?: Material;
  readonly token?: Material;
  readonly basic?: { readonly username: string; readonly password: string };
}

/** Anchors in a kubeconfig are rare; more aliases than this is an attack. */
const MAX_ALIASES = 100;

/** `origin` is the file's path, for messages and relative paths. */
export function parseKubeconfig(text: string, origin: string): Kubeconfig {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw new KubeconfigError(`${origin}: not valid YAML: ${messageOf(error)}`, { cause: error });
  }
  if (document === null || document === undefined) document = {};
  if (!isObject(document)) throw new KubeconfigError(`${origin}: a kubeconfig is a YAML mapping`);
  return {
    origin,
    currentContext: textField(document, "current-context"),
    clusters: entries(document, "clusters", "cluster", origin),
    users: entries(document, "users", "user", origin),
    contexts: entries(document, "contexts", "context", origin),
  };
}

/** As kubectl merges the files of `KUBECONFIG`: of several entries of one name the first counts. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  return {
    origin: configs.map(({ origin }) => origin).join(", "),
    currentContext: configs
      .map((config) => config.currentContext)
      .find((name) => name !== undefined),
    clusters: configs.flatMap(({ clusters }) => clusters),
    users: configs.flatMap(({ users }) => users),
    contexts: configs.flatMap(({ contexts }) => contexts),
  };
}

/** The named context, or the current one. */
export function selectContext(config: Kubeconfig, name = config.currentContext): ContextSelection {
  const { origin } = config;
  if (name === undefined)
    throw new KubeconfigError(
      `${origin}: no current-context: name one with --context (${known(config.contexts)})`,
    );
  const context = find(config.contexts, name, "context", origin);
  const cluster = find(
    config.clusters,
    textField(context.fields, "cluster"),
    "cluster",
    context.origin,
  );
  const userName = textField(context.fields, "user");
  const user =
    userName === undefined ? undefined : find(config.users, userName, "user", context.origin);
  const server = textField(cluster.fields, "server");
  if (server === undefined || !/^https?:\/\//.test(server))
    throw new KubeconfigError(
      `${cluster.origin}: cluster "${cluster.name}" needs a server that starts with https://`,
    );
  const tlsServerName = textField(cluster.fields, "tls-server-name");
  return {
    context: name,
    server: server.replace(/\/+$/, ""),
    namespace: textField(context.fields, "namespace") ?? "default",
    insecureSkipTlsVerify: ownField(cluster.fields, "insecure-skip-tls-verify") === true,
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...optional("certificateAuthority", material(cluster, "certificate-authority")),
    ...(user === undefined ? {} : credentialsOf(user)),
  };
}

function credentialsOf(user: Named): Partial<ContextSelection> {
  for (const plugin of ["exec", "auth-provider"])
    if (ownField(user.fields, plugin) !== undefined)
      throw new KubeconfigError(
        `${user.origin}: user "${user.name}" authenticates with an ${plugin} plugin, which Gantry never runs: use a token or a client certificate, e.g. from "kubectl create token"`,
      );
  const token = textField(user.fields, "token");
  const tokenFile = textField(user.fields, "tokenFile");
  const username = textField(user.fields, "username");
  const password = textField(user.fields, "password");
  return {
    ...optional("clientCertificate", material(user, "client-certificate")),
    ...optional("clientKey", material(user, "client-key")),
    // A file wins, as in client-go: it is renewed from outside.
    ...optional(
      "token",
      tokenFile === undefined
        ? token === undefined
          ? undefined
          : { inline: token }
        : { path: tokenFile, origin: user.origin },
    ),
    ...(username === undefined || password === undefined ? {} : { basic: { username, password } }),
  };
}

/** `<field>-data` wins over `<field>`, as in client-go. */
function material(entry: Named, field: string): Material | undefined {
  const data = textField(entry.fields, `${field}-data`);
  if (data !== undefined) return { inline: Buffer.from(data, "base64").toString("utf8") };
  const path = textField(entry.fields, field);
  return path === undefined ? undefined : { path, origin: entry.origin };
}

function optional<K extends keyof ContextSelection>(
  key: K,
  value: ContextSelection[K] | undefined,
): Partial<ContextSelection> {
  return value === undefined ? {} : { [key]: value };
}

function entries(document: UnknownObject, list: string, field: string, origin: string): Named[] {
  const value = ownField(document, list) ?? [];
  if (!Array.isArray(value)) throw new KubeconfigError(`${origin}: ${list} must be a list`);
  return value.map((entry: unknown, index) => {
    const name = isObject(entry) ? textField(entry, "name") : undefined;
    const fields = isObject(entry) ? (ownField(entry, field) ?? {}) : undefined;
    if (name === undefined || !isObject(fields))
      throw new KubeconfigError(`${origin}: ${list}[${index}] needs a name and a ${field}`);
    return { name, origin, fields };
  });
}

function find(
  named: readonly Named[],
  name: string | undefined,
  what: string,
  origin: string,
): Named {
  const found = named.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  throw new KubeconfigError(`${origin}: there is no ${what} "${name ?? ""}" (${known(named)})`);
}

function known(named: readonly Named[]): string {
  return named.length === 0
    ? "there are none"
    : `known: ${named.map(({ name }) => name).join(", ")}`;
}

function textField(object: UnknownObject, key: string): string | undefined {
  const value = ownField(object, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
