/** The plan of an Application, made from outside: for `diff` and `drift`. */
import type { Client } from "../client/client.ts";
import { renderOptions } from "../gitops/render-folder.ts";
import { targetRevision } from "../gitops/application-manifests.ts";
import { type Desired, type DesiredOptions, sha256, toDesired } from "../gitops/plan/desired.ts";
import { FetchedObjects } from "../gitops/plan/live-objects.ts";
import { formatRef } from "../gitops/plan/object-ref.ts";
import { type Plan, pruneForbidden } from "../gitops/plan/plan.ts";
import { makePlan } from "../gitops/plan/planner.ts";
import { applicationOptions } from "../gitops/plan/sync-options.ts";
import { trackingLabel } from "../gitops/plan/tracking.ts";
import type { Rendered } from "../gitops/render/render.ts";
import { refsOf } from "../gitops/report/resource-ref.ts";
import { type Application, mainSource } from "../kube/kinds/application.ts";
import { configMaps } from "../kube/kinds/configmap.ts";
import { secrets } from "../kube/kinds/secret.ts";
import { keyOf } from "../kube/object.ts";
import { credentialsFor, SECRET_TYPE_LABELS } from "../server/repository-credentials.ts";
import { TRUST_SELECTORS } from "../server/repository-trust.ts";
import { CliError } from "./context.ts";
import { requireReadable, withRepository } from "./local-manifests.ts";

export async function planApplication(
  client: Client,
  application: Application,
  revision: string = targetRevision(application),
): Promise<Plan> {
  const { destination, syncPolicy, ignoreDifferences } = application.spec;
  const source = mainSource(application.spec);
  const found = await Promise.all(
    SECRET_TYPE_LABELS.map((labelSelector) => client.list(secrets, { labelSelector })),
  );
  const trusted = await Promise.all(
    TRUST_SELECTORS.map((labelSelector) => client.list(configMaps, { labelSelector })),
  );
  const credentials = credentialsFor(
    found.flatMap((list) => list.items),
    source.repoURL,
    {
      namespace: application.metadata.namespace,
      configMaps: trusted.flatMap((list) => list.items),
    },
  );
  const rendered = requireReadable(
    await withRepository(source.repoURL, revision, renderOptions(source), credentials),
  );
  const options = applicationOptions(syncPolicy?.syncOptions);
  const desired = await desiredOf(rendered, {
    client,
    applicationKey: keyOf(application),
    namespace: destination.namespace ?? "default",
    options,
    ignoreDifferences,
  });
  return makePlan({
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
}

/** What applying manifests that belong to no Application would change. */
export async function planManifests(
  client: Client,
  rendered: Rendered,
  namespace: string,
): Promise<Plan> {
  const options = applicationOptions(undefined);
  const desired = await desiredOf(rendered, {
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

async function desiredOf(rendered: Rendered, options: DesiredOptions): Promise<readonly Desired[]> {
  const { desired, unusable } = await toDesired(rendered.objects, options);
  if (unusable.length > 0)
    throw new CliError(
      unusable
        .map(
          ({ origin, ref, reason }) => `${origin.file}:${origin.line}: ${formatRef(ref)} ${reason}`,
        )
        .join("\n"),
    );
  return desired;
}
