/** Awaits states of the cluster by watching, never by sleeping. */
import type { Client } from "../../src/client/client.ts";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import { type Deployment, deployments } from "../../src/kube/kinds/deployment.ts";
import { type Pod, pods } from "../../src/kube/kinds/pod.ts";
import { services } from "../../src/kube/kinds/service.ts";
import type { Kind } from "../../src/kube/kind.ts";
import type { KubeObject } from "../../src/kube/object.ts";

const TIMEOUT_MS = 30_000;

interface Wanted {
  /** @default "default" */
  readonly namespace?: string;
  readonly timeoutMs?: number;
  readonly labelSelector?: string;
}

/** Resolves with all objects of a namespace once they, together, are as wanted. */
export async function untilAll<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  isWanted: (objects: readonly T[]) => boolean,
  { namespace = "default", timeoutMs = TIMEOUT_MS, labelSelector }: Wanted = {},
): Promise<readonly T[]> {
  const selector = labelSelector === undefined ? {} : { labelSelector };
  const signal = AbortSignal.timeout(timeoutMs);
  const found = new Map<string, T>();
  const all = (): readonly T[] => [...found.values()];
  const { items, resourceVersion } = await client.list(kind, { namespace, ...selector });
  for (const item of items) found.set(item.metadata.name, item);
  if (isWanted(all())) return all();
  try {
    for await (const event of client.watch(kind, {
      namespace,
      ...selector,
      resourceVersion,
      signal,
    })) {
      if (event.type === "BOOKMARK") continue;
      const { name } = event.object.metadata;
      if (event.type === "DELETED") found.delete(name);
      else found.set(name, event.object);
      if (isWanted(all())) return all();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const seen = all().map((object) => [
    object.metadata.name,
    (object as { status?: unknown }).status,
  ]);
  throw new Error(`${kind.plural} are not as wanted: ${JSON.stringify(seen)}`);
}

/** Resolves with one object once it is as wanted. */
export async function until<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  name: string,
  isWanted: (object: T) => boolean,
  options?: Wanted,
): Promise<T> {
  const named = (objects: readonly T[]) => objects.find(({ metadata }) => metadata.name === name);
  const isThere = (objects: readonly T[]): boolean => {
    const object = named(objects);
    return object !== undefined && isWanted(object);
  };
  const object = named(await untilAll(client, kind, isThere, options));
  if (object === undefined) throw new Error(`${name} is gone`);
  return object;
}

export const untilApplication = (
  client: Client,
  isWanted: (application: Application) => boolean,
  options?: Wanted,
): Promise<Application> => until(client, applications, "default", isWanted, options);

/** In sync and healthy, with nothing to be said against it and no sync under way. */
export const isSettled = ({ status }: Application, revision = status?.sync?.revision): boolean =>
  status?.sync?.status === "Synced" &&
  status.sync.revision === revision &&
  status.health?.status === "Healthy" &&
  status.operationState?.phase !== "Running" &&
  (status.conditions ?? []).length === 0;

/** Synced to this commit, and everything healthy. */
export const untilSettled = (
  client: Client,
  revision: string,
  options?: Wanted,
): Promise<Application> =>
  untilApplication(client, (application) => isSettled(application, revision), options);

/** There are exactly these Applications, and all have settled, at whatever commit. */
export const untilAllSettled = (
  client: Client,
  names: readonly string[],
  options?: Wanted,
): Promise<readonly Application[]> =>
  untilAll(
    client,
    applications,
    (all) =>
      names.length === all.length &&
      all.every((one) => names.includes(one.metadata.name) && isSettled(one)),
    options,
  );

/** Every replica is of the current template and available, and nothing old is left. */
export const untilRolledOut = (
  client: Client,
  name: string,
  isCurrent: (deployment: Deployment) => boolean = () => true,
): Promise<Deployment> =>
  until(client, deployments, name, (deployment) => {
    const { spec, status, metadata } = deployment;
    const wanted = spec?.replicas ?? 1;
    return (
      isCurrent(deployment) &&
      status?.observedGeneration === metadata.generation &&
      (status?.replicas ?? 0) === wanted &&
      (status?.updatedReplicas ?? 0) === wanted &&
      (status?.availableReplicas ?? 0) === wanted
    );
  });

export const untilPods = (
  client: Client,
  isWanted: (all: readonly Pod[]) => boolean,
  options?: Wanted,
): Promise<readonly Pod[]> => untilAll(client, pods, isWanted, options);

/** Where a Service is reached from this machine. */
export async function serviceUrl(
  client: Client,
  name: string,
  namespace = "default",
): Promise<string> {
  const { metadata, spec } = await until(
    client,
    services,
    name,
    (service) => service.spec?.clusterIP !== undefined,
    { namespace },
  );
  const port = spec?.ports?.[0]?.port ?? 0;
  const moved: unknown = JSON.parse(metadata.annotations?.["gantry.dev/addresses"] ?? "{}");
  const address = (moved as Record<string, string | undefined>)[`${port}/TCP`];
  return `http://${address ?? `${spec?.clusterIP}:${port}`}`;
}
