/** `remote`: the URL of an Application's repository inside Gantry, with the token to push. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "../client/client.ts";
import {
  DEFAULT_BRANCH,
  internalUrl,
  parseInternalUrl,
  repositoryId,
  type RepositoryId,
} from "../gitops/push/internal-repository.ts";
import { ensurePushToken, PUSH_USER } from "../gitops/push/push-token.ts";
import { type Application, applications, sourcesOf } from "../kube/kinds/application.ts";
import { isStatus } from "../kube/status-error.ts";
import { type ApplicationFlags, getApplication } from "./application-flags.ts";
import { connect } from "./connect.ts";
import { type CliContext, CliError } from "./context.ts";
import { printJson, printLine, progress } from "./output.ts";

interface RemoteFlags extends ApplicationFlags {
  readonly output: "text" | "json";
  readonly create?: boolean;
  readonly path?: string;
  readonly branch?: string;
  readonly rotate?: boolean;
  readonly server?: string;
}

export async function printRemote(
  this: CliContext,
  flags: RemoteFlags,
  name: string,
): Promise<void> {
  const own = repositoryId(flags.namespace, name);
  if (own === undefined)
    throw new CliError(`${flags.namespace}/${name} cannot be the name of an Application`);
  // Before anything is created that this machine could not tell the address of.
  const server = await serverAddress(flags);
  const client = await connect(flags);
  const application = await findOrCreate(client, flags, own);
  const repository = repositoryOf(application, own);
  const token = await ensurePushToken(client, repository, { rotate: flags.rotate === true });
  const url = remoteUrl(server, repository, token);
  const branch = branchOf(application, repository);
  if (flags.output === "json")
    printJson(this, { url, repoURL: internalUrl(repository), branch: branch ?? null });
  else printLine(this, url);
  if (server.protocol === "http:" && !isLoopback(server.hostname))
    progress(
      this,
      "warning: the token crosses the network unencrypted; start gantry with --tls-cert and --tls-key",
    );
  progress(this, `deploy with: git push <this URL> HEAD:${branch ?? DEFAULT_BRANCH}`);
}

async function findOrCreate(
  client: Client,
  flags: RemoteFlags,
  own: RepositoryId,
): Promise<Application> {
  const { namespace, name } = own;
  if (flags.create !== true) return getApplication(client, namespace, name);
  const application: Application = {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { namespace, name },
    spec: {
      source: {
        repoURL: internalUrl(own),
        targetRevision: flags.branch ?? DEFAULT_BRANCH,
        ...(flags.path === undefined ? {} : { path: flags.path }),
      },
      destination: { namespace },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
    },
  };
  try {
    return await client.create(applications, application);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
    return getApplication(client, namespace, name);
  }
}

/** The repository that the Application gets its manifests from. */
function repositoryOf({ spec }: Application, own: RepositoryId): RepositoryId {
  for (const { repoURL } of sourcesOf(spec)) {
    const repository = parseInternalUrl(repoURL);
    if (repository !== undefined) return repository;
  }
  throw new CliError(
    `Application ${own.namespace}/${own.name} gets its manifests from another repository: set its repoURL to ${internalUrl(own)} to push to it`,
  );
}

/** The branch that a push deploys; undefined where a tag or a range of versions does. */
function branchOf({ spec }: Application, repository: RepositoryId): string | undefined {
  const source = sourcesOf(spec).find(({ repoURL }) => {
    const id = parseInternalUrl(repoURL);
    return id?.namespace === repository.namespace && id.name === repository.name;
  });
  const revision = source?.targetRevision ?? "HEAD";
  if (revision === "HEAD") return DEFAULT_BRANCH;
  return /^[\w./-]+$/.test(revision) ? revision.replace(/^refs\/heads\//, "") : undefined;
}

function remoteUrl(server: URL, { namespace, name }: RepositoryId, token: string): string {
  const url = new URL(server);
  url.username = PUSH_USER;
  url.password = token;
  url.pathname = `/git/${namespace === "default" ? "" : `${namespace}/`}${name}.git`;
  return url.href;
}

async function serverAddress({ server, dataDir }: RemoteFlags): Promise<URL> {
  const address = server ?? (await knownAddress(dataDir));
  if (address === undefined)
    throw new CliError(
      `no running server is known in ${dataDir}: name its web address with --server, e.g. --server http://127.0.0.1:7575`,
    );
  if (!URL.canParse(address) || !/^https?:/.test(address))
    throw new CliError(`--server ${address}: write an http:// or https:// URL`);
  const url = new URL(address);
  // Listening on all addresses, it is reached on this machine's own.
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return url;
}

async function knownAddress(dataDir: string): Promise<string | undefined> {
  try {
    const known: unknown = JSON.parse(await readFile(join(dataDir, "addresses.json"), "utf8"));
    const web = (known as { readonly web?: unknown } | null)?.web;
    return typeof web === "string" ? web : undefined;
  } catch {
    return undefined;
  }
}

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
