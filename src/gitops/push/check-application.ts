/**
 * Whether an Application would work at a commit that is not there yet: renders and checks it, plans
 * it against live state, and has the API server try every change without making it.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { keyOf } from "../../kube/object.ts";
import { applyPlan, type ObjectResult } from "../apply/apply-plan.ts";
import { sha256, toDesired, type Unusable } from "../plan/desired.ts";
import { FetchedObjects } from "../plan/live-objects.ts";
import { formatRef, refKey } from "../plan/object-ref.ts";
import { type Plan, type PlanEntry, pruneForbidden } from "../plan/plan.ts";
import { makePlan } from "../plan/planner.ts";
import { applicationOptions } from "../plan/sync-options.ts";
import { trackingLabel } from "../plan/tracking.ts";
import type { RenderedApplication } from "../render/render-application.ts";
import { refsOf } from "../report/resource-ref.ts";
import type { Commit } from "../source/source.ts";
import { SourceError } from "../source/source-error.ts";

export interface CheckOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** What the Application would be at the commit. */
  readonly render: () => Promise<RenderedApplication>;
  readonly signal: AbortSignal;
}
export interface CheckedApplication {
  readonly application: Application;
  readonly commit: Commit;
  /** What applying it would change; undefined when it cannot even be rendered. */
  readonly plan: Plan | undefined;
  /** Why it cannot work, with file, line and column where known. Empty: it can. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export async function checkApplication(
  application: Application,
  commit: Commit,
  options: CheckOptions,
): Promise<CheckedApplication> {
  const failed = (problems: readonly string[], warnings: readonly string[] = []) => ({
    application,
    commit,
    plan: undefined,
    problems,
    warnings,
  });
  try {
    const rendered = await options.render();
    const { errors, warnings } = rendered;
    if (errors.length > 0) return failed(errors, warnings);
    const { plan, unusable } = await planOf(application, rendered, options);
    const problems = [...unusable.map(unusableText), ...(await tryOut(application, plan, options))];
    return { application, commit, plan, problems, warnings };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    options.signal.throwIfAborted();
    return failed([error.message]);
  }
}

async function planOf(
  application: Application,
  rendered: RenderedApplication,
  { client, signal }: CheckOptions,
): Promise<{ plan: Plan; unusable: readonly Unusable[] }> {
  const { destination, syncPolicy, ignoreDifferences } = application.spec;
  const options = applicationOptions(syncPolicy?.syncOptions);
  const { desired, unusable } = await toDesired(rendered.manifests, {
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
        rendered: unusable.length === 0,
        complete: rendered.complete,
        empty: desired.length === 0,
        allowEmpty: syncPolicy?.automated?.allowEmpty ?? false,
      }),
    },
    signal,
  });
  return { plan, unusable };
}

async function tryOut(
  application: Application,
  plan: Plan,
  { client, clock, signal }: CheckOptions,
): Promise<string[]> {
  const options = applicationOptions(application.spec.syncPolicy?.syncOptions);
  const results = await applyPlan(plan, { client, clock, options, signal, dryRun: true });
  const entries = new Map(plan.entries.map((entry) => [refKey(entry.ref), entry]));
  const namespaces = new Set(
    plan.entries
      .filter(
        ({ action, ref }) => action === "create" && ref.group === "" && ref.kind === "Namespace",
      )
      .map(({ ref }) => ref.name),
  );
  return results
    .filter(({ status }) => status === "SyncFailed")
    .filter((result) => !isForNewNamespace(result, namespaces))
    .map((result) => failureText(result, entries.get(refKey(result.ref))));
}

/** Nothing can be tried in a namespace that the same push creates. */
function isForNewNamespace({ ref, message }: ObjectResult, created: ReadonlySet<string>): boolean {
  return created.has(ref.namespace) && message === `namespaces "${ref.namespace}" not found`;
}

function failureText({ ref, message }: ObjectResult, entry: PlanEntry | undefined): string {
  const origin = entry?.desired?.origin;
  const where = origin === undefined ? "" : `${origin.file}:${origin.line}: `;
  return `${where}${formatRef(ref)}: ${message}`;
}

function unusableText({ origin, ref, reason }: Unusable): string {
  return `${origin.file}:${origin.line}: ${formatRef(ref)}: ${reason}`;
}
