/** Finds the object that somebody names as kubectl would: `deploy/web`, `deployment web`, `widgets.example.com/a`. */
import type { Client } from "../client/client.ts";
import type { Resource } from "../kube/kind.ts";
import { builtinKinds } from "../kube/kinds/index.ts";
import { apiVersionOf, type KubeObject } from "../kube/object.ts";
import { isStatus } from "../kube/status-error.ts";
import { CliError } from "./context.ts";

export interface FoundObject {
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** @throws CliError */
export async function findObject(
  client: Client,
  namespace: string,
  words: readonly string[],
): Promise<FoundObject> {
  const [kind, name] = words.length === 1 ? (words[0] ?? "").split("/") : words;
  if (kind === undefined || kind === "" || name === undefined || name === "" || words.length > 2)
    throw new CliError("name one object as KIND/NAME, for example deployment/web");
  const resource = await findResource(client, kind);
  const key = resource.namespaced ? { namespace, name } : { name };
  try {
    return { resource, object: await client.get(resource, key) };
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const where = resource.namespaced ? ` in namespace ${namespace}` : "";
    throw new CliError(`there is no ${resource.kind} ${name}${where}`, { cause: error });
  }
}

async function findResource(client: Client, word: string): Promise<Resource> {
  const [wanted = "", ...groupParts] = word.toLowerCase().split(".");
  const group = groupParts.join(".");
  const matching = (await client.resources()).filter(
    (resource) => (group === "" || resource.group === group) && namesOf(resource).includes(wanted),
  );
  const [first] = matching;
  if (first === undefined)
    throw new CliError(`the server has no kind ${word}; \`kubectl api-resources\` lists them`);
  return first;
}

function namesOf(resource: Resource): string[] {
  const id = `${apiVersionOf(resource)} ${resource.kind}`;
  const builtin = builtinKinds.find((kind) => `${apiVersionOf(kind)} ${kind.kind}` === id);
  return [
    resource.plural,
    resource.kind.toLowerCase(),
    ...(builtin === undefined ? [] : [builtin.singular, ...(builtin.shortNames ?? [])]),
  ];
}
