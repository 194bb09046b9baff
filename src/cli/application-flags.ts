/** Flags and positionals of the commands that operate an Application. */
import type { Client } from "../client/client.ts";
import { type Application, applications } from "../kube/kinds/application.ts";
import { isStatus } from "../kube/status-error.ts";
import { type ConnectionFlags, connectionFlags } from "./connect.ts";
import { CliError } from "./context.ts";

export interface ApplicationFlags extends ConnectionFlags {
  readonly namespace: string;
}
export const applicationFlags = {
  ...connectionFlags,
  namespace: {
    kind: "parsed",
    parse: String,
    brief: "Namespace of the Application",
    default: "default",
    placeholder: "NS",
  },
} as const;

export const applicationAliases = { n: "namespace" } as const;

export const oneApplication = {
  kind: "tuple",
  parameters: [
    { brief: "Name of the Application", parse: String, placeholder: "APP", default: "default" },
  ],
} as const;

export async function getApplication(
  client: Client,
  namespace: string,
  name: string,
): Promise<Application> {
  try {
    return await client.get(applications, { namespace, name });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const { items } = await client.list(applications);
    const known = items.map((item) => `${item.metadata.namespace ?? ""}/${item.metadata.name}`);
    throw new CliError(
      `there is no Application ${namespace}/${name}${known.length === 0 ? "" : `; there are: ${known.join(", ")}`}`,
      { cause: error },
    );
  }
}

/** Those that are named, or all. */
export async function findApplications(
  client: Client,
  namespace: string,
  names: readonly string[],
): Promise<readonly Application[]> {
  if (names.length === 0) return (await client.list(applications)).items;
  return Promise.all(names.map((name) => getApplication(client, namespace, name)));
}

export const anyApplications = {
  kind: "array",
  parameter: {
    brief: "Names of Applications; all when none is given",
    parse: String,
    placeholder: "APP",
  },
} as const;
