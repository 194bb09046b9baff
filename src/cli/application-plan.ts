/** The plan of an Application, made from outside: for `diff` and `drift`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../client/client.ts";
import { systemClock } from "../client/clock.ts";
import { silentLogger } from "../client/logger.ts";
import { CommitAdmission } from "../gitops/admit-commits.ts";
import { targetRevision } from "../gitops/application-manifests.ts";
import { ApplicationRenderer } from "../gitops/application-renderer.ts";
import {
  type Derived,
  type Desired,
  type DesiredOptions,
  sha256,
  toDesired,
} from "../gitops/plan/desired.ts";
import { hookPhases } from "../gitops/plan/hooks.ts";
import { FetchedObjects } from "../gitops/plan/live-objects.ts";
import { formatRef } from "../gitops/plan/object-ref.ts";
import { type Plan, pruneForbidden } from "../gitops/plan/plan.ts";
import { makePlan } from "../gitops/plan/planner.ts";
import { applicationOptions } from "../gitops/plan/sync-options.ts";
import { trackingLabel } from "../gitops/plan/tracking.ts";
import type { Rendered } from "../gitops/render/render.ts";
import { refsOf } from "../gitops/report/resource-ref.ts";
import { Repositories } from "../gitops/repositories.ts";
import type { RepositoryId } from "../gitops/push/internal-repository.ts";
import {
  PUSH_SECRET_SELECTOR,
  PUSH_USER,
  pushAccess,
  repositoryOfSecret,
} from "../gitops/push/push-token.ts";
import type { Credential, CredentialProvider } from "../gitops/source/source.ts";
import type { SourceSpec } from "../gitops/source/sources.ts";
import { type Application, deployments } from "../kube/kinds/application.ts";
import { configMaps } from "../kube/kinds/configmap.ts";
import { type Secret, secrets } from "../kube/kinds/secret.ts";
import { keyOf } from "../kube/object.ts";
import {
  credentialsFor,
  readSecret,
  SECRET_TYPE_LABELS,
} from "../server/repository-credentials.ts";
import { secretSources } from "../server/secret-sources.ts";
import { TRUST_SELECTORS } from "../server/repository-trust.ts";
import { CliError } from "./context.ts";
import type { PlannedHook } from "./plan-output.ts";
import { secretSourcesOf } from "./secret-flags.ts";

/** A plan, and what would run while it is carried out. */
export interface ApplicationPlan extends Plan {
  readonly hooks: readonly PlannedHook[];
}

export async function planApplication(
  client: Client,
  application: Application,
  revision: string = targetRevision(application),
): Promise<ApplicationPlan> {
  const { destination, syncPolicy, ignoreDifferences } = application.spec;
  const rendered = await renderedApplication(client, application, revision);
  const options = applicationOptions(syncPolicy?.syncOptions);
  const { desired, hooks } = await derivedOf(rendered, {
    client,
    applicationKey: keyOf(application),
    namespace: destination.namespace ?? "default",
    options,
    ignoreDifferences,
  });
  const plan = await makePlan({
    client,
    live: new FetchedObjects(client),
    owner: trackingLabel(keyOf(application), sha256),
    desired,
    inventory: refsOf(application.status?.resources),
    prune: {
      options,
      forbidden: pruneForbidden({
        enabled: syncPolicy?.automated?.prune ?? false,
        rendered: true,
        complete: rendered.complete,
        empty: desired.length === 0,
        allowEmpty: syncPolicy?.automated?.allowEmpty ?? false,
      }),
    },
  });
  return { ...plan, hooks: plannedHooks(hooks, application) };
}

/** What applying manifests that belong to no Application would change. */
export async function planManifests(
  client: Client,
  rendered: Rendered,
  namespace: string,
): Promise<Plan> {
  const options = applicationOptions(undefined);
  const { desired } = await derivedOf(rendered, {
    client,
    applicationKey: "default/default",
    namespace,
    options,
  });
  const forbidden = "only an Application prunes";
  return makePlan({
    client,
    live: new FetchedObjects(client),
    desired,
    inventory: [],
    prune: { options, forbidden },
  });
}

/** As the operator renders it, through a cache that is thrown away. */
function renderedApplication(
  client: Client,
  application: Application,
  revision: string,
): Promise<Pick<Rendered, "objects" | "complete">> {
  return withRepositories(client, async (repositories) => {
    const { signal } = new AbortController();
    const { manifests, complete, errors } = await repositories.manifestsOf(application, {
      revision,
      signal,
    });
    if (errors.length > 0) throw new CliError(errors.join("\n"));
    return { objects: manifests as Rendered["objects"], complete };
  });
}

/** Repositories as the operator reaches them, in a directory that is thrown away. */
export async function withRepositories<T>(
  client: Client,
  use: (repositories: Repositories) => Promise<T>,
): Promise<T> {
  const credentials = await repositoryAccess(client);
  const dataDir = await mkdtemp(join(tmpdir(), "gantry-"));
  const admission = new CommitAdmission({
    dataDir,
    clock: systemClock,
    secretOf: (namespace, name) => readSecret(client, namespace, name),
    credentialsOf: credentials,
  });
  const repositories = new Repositories({
    dataDir,
    clock: systemClock,
    logger: silentLogger,
    credentialsOf: credentials,
    internal: await pushedRepositories(client),
    admit: (commit) => admission.admit(commit),
    onChange: () => undefined,
    renderer: new ApplicationRenderer({
      client,
      // Values from the server's files and variables are not for who asks from outside.
      decryptors: secretSources(client, secretSourcesOf()).decryptors,
    }),
  });
  try {
    return await use(repositories);
  } finally {
    await repositories.stop();
    await admission.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Repositories inside the server are read through its git endpoint. */
async function pushedRepositories(
  client: Client,
): Promise<(repository: RepositoryId) => SourceSpec> {
  const { items } = await client.list(secrets, { labelSelector: PUSH_SECRET_SELECTOR });
  return ({ namespace, name }) => {
    const isMeant = (secret: Secret): boolean => {
      const id = repositoryOfSecret(secret);
      return id?.namespace === namespace && id.name === name;
    };
    const secret = items.find(isMeant);
    const access = secret === undefined ? undefined : pushAccess(secret);
    if (access === undefined)
      throw new CliError(
        `nobody has pushed to the repository of ${namespace}/${name} yet: \`gantry remote ${name} -n ${namespace}\` prints its URL`,
      );
    const { url, token: password } = access;
    const get = (): Promise<Credential> =>
      Promise.resolve({ kind: "basic", username: PUSH_USER, password });
    return { repoURL: url, credentials: { id: `push/${namespace}/${name}`, get } };
  };
}

async function repositoryAccess(
  client: Client,
): Promise<(repoURL: string, namespace: string | undefined) => CredentialProvider | undefined> {
  const found = await Promise.all(
    SECRET_TYPE_LABELS.map((labelSelector) => client.list(secrets, { labelSelector })),
  );
  const trusted = await Promise.all(
    TRUST_SELECTORS.map((labelSelector) => client.list(configMaps, { labelSelector })),
  );
  return (repoURL, namespace) =>
    credentialsFor(
      found.flatMap((list) => list.items),
      repoURL,
      { namespace, configMaps: trusted.flatMap((list) => list.items) },
    );
}

async function derivedOf(
  rendered: Pick<Rendered, "objects">,
  options: DesiredOptions,
): Promise<Derived> {
  const derived = await toDesired(rendered.objects, options);
  const { unusable } = derived;
  if (unusable.length > 0)
    throw new CliError(
      unusable
        .map(
          ({ origin, ref, reason }) => `${origin.file}:${origin.line}: ${formatRef(ref)} ${reason}`,
        )
        .join("\n"),
    );
  return derived;
}

/** The hooks of a sync; those of the Application's deletion are none. */
function plannedHooks(hooks: readonly Desired[], { status }: Application): PlannedHook[] {
  const isInstalled = status?.lastSynced !== undefined || deployments(status).length > 0;
  return hooks.flatMap(({ object, ref, origin }) => {
    const phases = hookPhases(object, isInstalled).filter((phase) => !phase.endsWith("Delete"));
    return phases.length === 0 ? [] : [{ phases, ref, origin }];
  });
}
