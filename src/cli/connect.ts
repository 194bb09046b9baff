/** How commands find the server: `--kubeconfig` or `KUBECONFIG`, else the data directory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadClusterAccess } from "../client/http/cluster-access.ts";
import type { HttpClient } from "../client/http/http-client.ts";
import { KubeconfigError } from "../client/http/kubeconfig.ts";
import { CliError } from "./context.ts";

export interface ConnectionFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly dataDir: string;
}

export const connectionFlags = {
  kubeconfig: {
    kind: "parsed",
    parse: String,
    brief: "Kubeconfig of the cluster to ask, instead of the data directory's",
    optional: true,
    placeholder: "FILE",
  },
  context: {
    kind: "parsed",
    parse: String,
    brief: "Context of the kubeconfig",
    optional: true,
    placeholder: "NAME",
  },
  dataDir: {
    kind: "parsed",
    parse: String,
    brief: "Data directory of the running gantry",
    default: ".gantry",
    placeholder: "DIR",
  },
} as const;

export async function connect(flags: ConnectionFlags): Promise<HttpClient> {
  const fromEnv = process.env["KUBECONFIG"] ?? "";
  const path = flags.kubeconfig ?? (fromEnv === "" ? join(flags.dataDir, "kubeconfig") : undefined);
  if (path !== undefined && !existsSync(path))
    throw new CliError(
      `no kubeconfig at ${path}: start a server with \`gantry up\`, or name one with --kubeconfig or --data-dir`,
    );
  // Commands that ask nobody start without an HTTP client, and so does the server.
  const { HttpClient } = await import("../client/http/http-client.ts");
  try {
    const access = await loadClusterAccess({
      ...(path === undefined ? {} : { path }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
    });
    return new HttpClient(access);
  } catch (error) {
    if (error instanceof KubeconfigError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
