/**
 * Whether an Application would work as a push makes it: plans it against live state, and has the
 * API server try every change without making it.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { KubeObject } from "../../kube/object.ts";
import { StatusError } from "../../kube/status-error.ts";
import { applyPlan } from "../apply/apply-plan.ts";
import type { Desired, Unusable } from "../plan/desired.ts";
import { FIELD_MANAGER } from "../plan/field-manager.ts";
import { FetchedObjects } from "../plan/live-objects.ts";
import { formatRef, type ObjectRef, refKey } from "../plan/object-ref.ts";
import { type Plan, pruneForbidden } from "../plan/plan.ts";
import { makePlan } from "../plan/planner.ts";
import { syncOptionsOf } from "../plan/sync-options.ts";
import type { Manifest } from "../render/manifest.ts";
import { refsOf } from "../report/resource-ref.ts";
import { placeOfFailure } from "./failure-place.ts";
import type { PushClaims } from "./push-claims.ts";
import type { PushedApplication } from "./pushed-application.ts";

export interface CheckOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly claims: PushClaims;
  readonly signal: AbortSignal;
}
export interface CheckedApplication extends PushedApplication {
  /** What applying it would change; undefined when it cannot even be rendered. */
  readonly plan: Plan | undefined;
}

export async function checkApplication(
  pushed: PushedApplication,
  options: CheckOptions,
): Promise<CheckedApplication> {
  if (pushed.rendered === undefined) return { ...pushed, plan: undefined };
  const { claims } = options;
  const unusable = pushed.derived.unusable.filter(
    ({ ref, awaited }) => !awaited && !claims.definesKind(ref),
  );
  const plan = await planOf(pushed, options);
  const failures = [
    ...(await tryObjects(pushed, plan, options)),
    ...(await tryHooks(pushed, options)),
  ];
  const isExpected = ({ ref, message }: Failure): boolean =>
    // Nothing can be tried in a namespace that the same push creates.
    claims.createsNamespace(ref.namespace) && /namespaces? .*not found/.test(message);
  const problems = [
    ...unusable.map(unusableText),
    ...failures.filter((failure) => !isExpected(failure)).map((each) => failureText(each, pushed)),
  ];
  return { ...pushed, plan, problems };
}

function planOf(
  { application, label, derived, rendered }: PushedApplication,
  { client, claims, signal }: CheckOptions,
): Promise<Plan> {
  const { automated } = application.spec.syncPolicy ?? {};
  const { desired, unusable } = derived;
  return makePlan({
    client,
    live: new FetchedObjects(client),
    owner: label,
    desired,
    inventory: refsOf(application.status?.resources),
    verdict: (owner, objectKey) => claims.verdict(owner, objectKey),
    prune: {
      options: syncOptionsOf(application),
      forbidden: pruneForbidden({
        enabled: automated?.prune ?? false,
        rendered: unusable.length === 0,
        complete: rendered?.complete !== false,
        empty: desired.length === 0,
        allowEmpty: automated?.allowEmpty ?? false,
      }),
      wantedBy: (objectKey) => claims.wantedBy(objectKey, label),
    },
    signal,
  });
}

interface Failure {
  readonly ref: ObjectRef;
  readonly message: string;
  readonly desired: Desired | undefined;
}

/** Updates have been tried by the plan already. */
async function tryObjects(
  { application }: PushedApplication,
  plan: Plan,
  { client, clock, signal }: CheckOptions,
): Promise<Failure[]> {
  const entries = plan.entries.filter(({ action }) => action === "create" || action === "refuse");
  const options = syncOptionsOf(application);
  const tried = { client, clock, options, signal, dryRun: true };
  const results = await applyPlan({ entries }, tried);
  const desiredOf = new Map(entries.map(({ ref, desired }) => [refKey(ref), desired]));
  return results
    .filter(({ status }) => status === "SyncFailed")
    .map(({ ref, message }) => ({ ref, message, desired: desiredOf.get(refKey(ref)) }));
}

/** Under a name of their own: what is there of an earlier run is deleted before the next. */
async function tryHooks(
  { derived }: PushedApplication,
  { client, signal }: CheckOptions,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const desired of derived.hooks) {
    const { ref, resource, object } = desired;
    if ((await client.resourceFor(object.apiVersion, object.kind)) === undefined) continue;
    const { name, generateName, ...metadata } = object.metadata;
    const draft = {
      ...object,
      metadata: { ...metadata, generateName: generateName ?? `${name}-` },
    } as unknown as KubeObject;
    try {
      const write = {
        dryRun: true,
        fieldManager: FIELD_MANAGER,
        fieldValidation: "Strict",
        signal,
      } as const;
      await client.create(resource, draft, write);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failures.push({ ref, message: error.message, desired });
    }
  }
  return failures;
}

function failureText({ ref, message, desired }: Failure, { rendered }: PushedApplication): string {
  const manifest = (rendered?.manifests ?? []).find(({ origin }) => origin === desired?.origin);
  return `${whereIs(message, manifest, desired)}${formatRef(ref)}: ${message}`;
}

function whereIs(
  message: string,
  manifest: Manifest | undefined,
  desired: Desired | undefined,
): string {
  if (manifest !== undefined) return `${placeOfFailure(message, manifest)}: `;
  return desired === undefined ? "" : `${desired.origin.file}:${desired.origin.line}: `;
}

function unusableText({ origin, ref, reason }: Unusable): string {
  return `${origin.file}:${origin.line}: ${formatRef(ref)}: ${reason}`;
}
