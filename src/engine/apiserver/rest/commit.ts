/** Brings a planned change into the store, or for a dry run only computes it. */
import { deepFreeze, type KubeObject } from "../../../kube/object.ts";
import type { Change, Stored, StoreKey } from "../../store/store.ts";
import type { AdmissionRequest } from "../admission/admission.ts";
import type { Backend } from "../backend.ts";
import { storeKeyOf, type Target } from "../target.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";
import { present } from "../present.ts";
import type { RequestContext } from "../request-context.ts";

/** What a write wants to do to the state it was planned against. Objects are in the served version. */
export type Plan =
  | { readonly action: "put"; readonly object: KubeObject }
  /** Removes the object. `last` is how the caller sees it; it is not stored. */
  | { readonly action: "delete"; readonly last: KubeObject }
  | { readonly action: "keep" };

export interface CommitRequest {
  readonly target: Target;
  readonly context: RequestContext;
  readonly operation: AdmissionRequest["operation"];
  readonly subresource?: string | undefined;
  /**
   * Pure, apart from what admission plug-ins reserve: it runs once ahead of the writer, and again
   * inside it only when another write to the object came first.
   */
  readonly plan: (current: Stored | undefined, admission: AdmissionRequest) => Plan;
}

export interface Outcome {
  readonly encoded: Encoded;
  /** Whether anything was, or for a dry run would be, written. */
  readonly changed: boolean;
  /** The object is gone. */
  readonly deleted: boolean;
}

/** A plan as made, or why it could not be made, for one state. */
type Attempt = { readonly plan: Plan } | { readonly error: unknown };

export async function commit(backend: Backend, request: CommitRequest): Promise<Outcome> {
  const settled: (() => void)[] = [];
  const whenSettled = (callback: () => void): void => {
    settled.push(callback);
  };
  try {
    return await run(backend, request, whenSettled);
  } finally {
    for (const callback of settled) callback();
  }
}

async function run(
  backend: Backend,
  request: CommitRequest,
  whenSettled: (callback: () => void) => void,
): Promise<Outcome> {
  const { target, context } = request;
  const key = storeKeyOf(target);
  const base = backend.store.get(key);
  const first = attempt(request, base, whenSettled);
  const decide = (current: Stored | undefined): Plan => {
    const made = current === base ? first : attempt(request, current, whenSettled);
    if ("error" in made) throw made.error;
    checkAdmission(backend, request, made.plan, current, whenSettled);
    return made.plan;
  };
  // No object has such a name, so the plan can only fail; the store would not know why.
  if (!isStorable(key)) throw new Error(`${decide(base).action} of an object without a valid name`);
  if (context.dryRun === true) return dryOutcome(target, decide(base), base);

  let decided: Plan = { action: "keep" };
  const { ephemeral = false } = target.kind.kind;
  const result = await backend.store.write(
    key,
    (current) => {
      decided = decide(current);
      return changeOf(target, decided);
    },
    { ephemeral },
  );
  return outcomeOf(target, decided, result.stored, result.changed);
}

const isStorable = ({ namespace, name }: StoreKey): boolean =>
  name !== "" && !name.includes("/") && !namespace.includes("/");

function attempt(
  request: CommitRequest,
  current: Stored | undefined,
  whenSettled: (callback: () => void) => void,
): Attempt {
  const admission = admissionRequest(request, current, whenSettled);
  try {
    return { plan: request.plan(current, admission) };
  } catch (error) {
    return { error };
  }
}

function checkAdmission(
  backend: Backend,
  request: CommitRequest,
  plan: Plan,
  current: Stored | undefined,
  whenSettled: (callback: () => void) => void,
): void {
  if (plan.action === "keep") return;
  const isDeletion = request.operation === "DELETE";
  const object = plan.action === "put" && !isDeletion ? plan.object : undefined;
  if (plan.action === "delete" && !isDeletion) return;
  backend.admission.validate(object, admissionRequest(request, current, whenSettled));
}

function admissionRequest(
  request: CommitRequest,
  current: Stored | undefined,
  whenSettled: (callback: () => void) => void,
): AdmissionRequest {
  const { target, context, subresource } = request;
  // Server-side apply makes the object when there is none.
  const isCreation = current === undefined && request.operation !== "DELETE";
  const operation = isCreation ? "CREATE" : request.operation;
  return { operation, target, context, subresource, previous: current?.object, whenSettled };
}

function changeOf(target: Target, plan: Plan): Change {
  if (plan.action === "keep") return { keep: true };
  if (plan.action === "delete") return { delete: true };
  return { put: inStorageVersion(target, plan.object) };
}

/** The version in which the object is written; nothing to do for most built-in kinds. */
function inStorageVersion({ kind }: Target, object: KubeObject): KubeObject {
  if (kind.kind.storedAs !== undefined) return kind.kind.storedAs.toStorage(object);
  if (kind.custom === undefined || kind.kind.version === kind.storageVersion) return object;
  return { ...object, apiVersion: `${kind.kind.group}/${kind.storageVersion}` };
}

function outcomeOf(
  target: Target,
  plan: Plan,
  stored: Stored | undefined,
  changed: boolean,
): Outcome {
  if (stored === undefined) throw new Error("a write that went through left no object behind");
  const encoded = present(target.kind, stored);
  if (plan.action !== "delete") return { encoded, changed, deleted: false };
  const resourceVersion = String(stored.revision);
  const last = { ...plan.last, metadata: { ...plan.last.metadata, resourceVersion } };
  return { encoded: encodeLazily(deepFreeze(last)), changed, deleted: true };
}

function dryOutcome(target: Target, plan: Plan, base: Stored | undefined): Outcome {
  if (plan.action === "put") {
    return { encoded: encodeLazily(deepFreeze(plan.object)), changed: true, deleted: false };
  }
  if (plan.action === "delete") {
    return { encoded: encodeLazily(deepFreeze(plan.last)), changed: true, deleted: true };
  }
  if (base === undefined) throw new Error("nothing to keep: the plan was made for an object");
  return { encoded: present(target.kind, base), changed: false, deleted: false };
}
