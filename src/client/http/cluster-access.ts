/** Finds and reads kubeconfig files into what a client needs to reach one cluster. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import {
  type ContextSelection,
  KubeconfigError,
  type Material,
  mergeKubeconfigs,
  parseKubeconfig,
  selectContext,
} from "./kubeconfig.ts";

/** Everything needed to talk to one cluster. Holds secrets: never log it. */
export interface ClusterAccess {
  /** Base address without a trailing slash. */
  readonly server: string;
  /** The context's namespace, `default` when it names none. */
  readonly namespace: string;
  readonly context?: string;
  /** PEM. Absent: the system's authorities. */
  readonly ca?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly tlsServerName?: string;
  /** PEM. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** Asked for every request, since token files are renewed while we run. */
  readonly authorization?: () => Promise<string>;
}

export interface LoadOptions {
  /** `--kubeconfig`. @default the files of `KUBECONFIG`, else `~/.kube/config` */
  readonly path?: string;
  /** `--context`. @default the current one */
  readonly context?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Far above any real file; a bigger one is not a kubeconfig. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** How long a token that was read from a file is used: it is renewed minutes before it expires. */
const TOKEN_FILE_MS = 60_000;

/** @throws {KubeconfigError} */
export async function loadClusterAccess(options: LoadOptions = {}): Promise<ClusterAccess> {
  const { path, context, env = process.env } = options;
  const fromEnv = (env.KUBECONFIG ?? "").split(delimiter).filter((entry) => entry !== "");
  const paths =
    path !== undefined
      ? [path]
      : fromEnv.length > 0
        ? fromEnv
        : [join(homedir(), ".kube", "config")];
  const configs = [];
  for (const candidate of paths) {
    const text = await readText(candidate, paths.length > 1);
    if (text !== undefined) configs.push(parseKubeconfig(text, candidate));
  }
  if (configs.length === 0)
    throw new KubeconfigError(
      `${paths.join(", ")}: no such file: name a kubeconfig with --kubeconfig`,
    );
  return await readAccess(selectContext(mergeKubeconfigs(configs), context));
}

/** The access that one kubeconfig text gives, e.g. from a Secret: it may not name files. */
export async function accessFromText(
  text: string,
  origin: string,
  context?: string,
): Promise<ClusterAccess> {
  const selection = selectContext(parseKubeconfig(text, origin), context);
  for (const field of [
    "certificateAuthority",
    "clientCertificate",
    "clientKey",
    "token",
  ] as const) {
    const material = selection[field];
    if (material !== undefined && "path" in material)
      throw new KubeconfigError(
        `${origin}: names the file ${material.path}: embed its content (kubectl config view --flatten)`,
      );
  }
  return await readAccess(selection);
}

async function readAccess(selection: ContextSelection): Promise<ClusterAccess> {
  const { server, namespace, context, insecureSkipTlsVerify, tlsServerName } = selection;
  const ca = await read(selection.certificateAuthority);
  const clientCertificate = await read(selection.clientCertificate);
  const clientKey = await read(selection.clientKey);
  const authorization = authorizationOf(selection);
  return {
    server,
    namespace,
    context,
    insecureSkipTlsVerify,
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey }),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

function authorizationOf({ token, basic }: ContextSelection): ClusterAccess["authorization"] {
  if (token !== undefined) {
    if ("inline" in token) return () => Promise.resolve(`Bearer ${token.inline}`);
    return tokenFile(token);
  }
  if (basic === undefined) return undefined;
  const encoded = Buffer.from(`${basic.username}:${basic.password}`).toString("base64");
  return () => Promise.resolve(`Basic ${encoded}`);
}

function tokenFile(file: Material): () => Promise<string> {
  let cached: { readonly value: string; readonly readMs: number } | undefined;
  return async () => {
    // The operating system's file, so its real time: no test needs to move it.
    const nowMs = performance.now();
    if (cached === undefined || nowMs - cached.readMs > TOKEN_FILE_MS)
      cached = { value: `Bearer ${((await read(file)) ?? "").trim()}`, readMs: nowMs };
    return cached.value;
  };
}

async function read(material: Material | undefined): Promise<string | undefined> {
  if (material === undefined) return undefined;
  if ("inline" in material) return material.inline;
  return await readText(resolve(dirname(material.origin), material.path), false);
}

async function readText(path: string, mayBeMissing: boolean): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (mayBeMissing && code === "ENOENT") return undefined;
    throw new KubeconfigError(
      `${path}: cannot be read (${code}): check the path and its permissions`,
      {
        cause: error,
      },
    );
  }
  if (bytes.byteLength > MAX_FILE_BYTES)
    throw new KubeconfigError(`${path}: larger than ${MAX_FILE_BYTES} bytes: not a kubeconfig`);
  return bytes.toString("utf8");
}
