/** The Application that `gantry up --repo` creates or updates. */
import type { Client } from "../client/client.ts";
import { type Application, applications } from "../kube/kinds/application.ts";
import type { JsonObject } from "../kube/object.ts";

export interface DefaultApplicationOptions {
  readonly repoURL: string;
  readonly revision: string | undefined;
  readonly path: string | undefined;
  /** Destination of objects that name no namespace. */
  readonly namespace: string;
}

export async function applyDefaultApplication(
  client: Client,
  options: DefaultApplicationOptions,
): Promise<Application> {
  const { repoURL, revision, path, namespace } = options;
  const application = {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name: "default", namespace: "default" },
    spec: {
      source: {
        repoURL,
        ...(revision === undefined ? {} : { targetRevision: revision }),
        ...(path === undefined ? {} : { path }),
      },
      destination: { namespace },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        syncOptions: ["CreateNamespace=true"],
      },
    },
  };
  return client.patch(
    applications,
    { namespace: "default", name: "default" },
    { type: "apply", body: application satisfies JsonObject },
    { fieldManager: "gantry-up", force: true },
  );
}
