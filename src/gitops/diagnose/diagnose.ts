/**
 * From an object that is not healthy to the first cause: the pod, the container, what is wrong with
 * it, its last words, and the command that shows more. For the output of a push, `gantry sync
 * --wait` and `gantry why`.
 */
import type { Client } from "../../client/client.ts";
import type {
  Application,
  ApplicationOperationState,
  ApplicationResource,
  ApplicationResourceRef,
} from "../../kube/kinds/application.ts";
import { type Event, events } from "../../kube/kinds/event.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import { apiVersionOf, type KubeObject } from "../../kube/object.ts";
import { isStatus } from "../../kube/status-error.ts";
import { type Health, HEALTH_STATES } from "../health/health.ts";
import { healthOf } from "../health/rules.ts";
import { type ObjectRef, refOf } from "../plan/object-ref.ts";
import { refsOf } from "../report/resource-ref.ts";
import { logTail } from "./log-tail.ts";
import { type PodProblem, podProblem } from "./pod-problem.ts";
import { revisionPods } from "./revision-pods.ts";
import { type RolloutCounts, rolloutCounts } from "./rollout-counts.ts";
import { workloadProblem } from "./workload-problem.ts";

/** Objects of one Application that are looked into; the others are likely to fail of the same. */
const MAX_DIAGNOSES = 5;

type JudgedRef = ApplicationResourceRef & Pick<ApplicationResource, "health">;

export interface Diagnosis {
  readonly ref: ObjectRef;
  readonly health: Health;
  readonly counts?: RolloutCounts;
  /** The first thing in its way; undefined: nothing is known to be. */
  readonly cause?: Cause;
  /** What to type to see more. */
  readonly next?: string;
}
export interface Cause {
  /** In one word, as Kubernetes has it. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  /** Somebody has to change something: waiting is pointless. */
  readonly isFinal: boolean;
  readonly pod?: string;
  readonly container?: string;
  /** Last lines of the container's log: of the run before, where that is what failed. */
  readonly log: readonly string[];
  readonly isPreviousLog: boolean;
}
export interface DiagnoseOptions {
  readonly client: Client;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Of an object that is not healthy; `known`: how it was judged already. */
export async function diagnose(
  object: KubeObject,
  options: DiagnoseOptions,
  known?: Health,
): Promise<Diagnosis> {
  const ref = refOf(object);
  const health = known ?? healthOf(object) ?? { status: "Healthy" };
  const counts = rolloutCounts(object);
  if (counts === undefined && object.kind !== "Pod") {
    const next = `kubectl -n ${ref.namespace} describe ${ref.kind.toLowerCase()} ${ref.name}`;
    return { ref, health, ...(ref.namespace === "" ? {} : { next }) };
  }
  const cause = await causeOf(object, options);
  return {
    ref,
    health,
    ...(counts === undefined ? {} : { counts }),
    ...(cause === undefined ? {} : { cause }),
    next: nextCommand(ref, cause),
  };
}

/** Of the hooks and objects of an Application that are in its way, the worst first. */
export async function diagnoseApplication(
  application: Application,
  options: DiagnoseOptions,
): Promise<readonly Diagnosis[]> {
  const { resources = [], operationState } = application.status ?? {};
  const unhealthy = resources.filter(
    ({ health }) =>
      health !== undefined && health.status !== "Healthy" && health.status !== "Suspended",
  );
  const worst = unhealthy.toSorted((a, b) => rank(b.health?.status) - rank(a.health?.status));
  // A hook that runs, and of which nothing bad is known, is as it should be.
  const hooks = (await diagnoseAll(hooksInTheWay(operationState), options)).filter(
    ({ cause, health }) => cause !== undefined || health.status === "Degraded",
  );
  return [...hooks, ...(await diagnoseAll(worst, options))].slice(0, MAX_DIAGNOSES);
}

async function diagnoseAll(
  resources: readonly JudgedRef[],
  options: DiagnoseOptions,
): Promise<readonly Diagnosis[]> {
  const diagnoses: Diagnosis[] = [];
  for (const resource of resources.slice(0, MAX_DIAGNOSES)) {
    const [ref] = refsOf([resource]);
    const object = ref === undefined ? undefined : await read(ref, options);
    if (object !== undefined) diagnoses.push(await diagnose(object, options, judged(resource)));
  }
  return diagnoses;
}

/** As the operator judged it, by users' rules too; hooks are judged here. */
function judged({ health }: JudgedRef): Health | undefined {
  const status = HEALTH_STATES.find((state) => state === health?.status);
  if (status === undefined) return undefined;
  return health?.message === undefined ? { status } : { status, message: health.message };
}

/** Hooks are not among an Application's resources: only the sync knows them. */
function hooksInTheWay(state: ApplicationOperationState | undefined): JudgedRef[] {
  const hooks = state?.syncResult?.resources ?? [];
  return hooks.filter(({ hookPhase }) => hookPhase === "Failed" || hookPhase === "Running");
}

const rank = (status: string | undefined): number =>
  ["Progressing", "Unknown", "Missing", "Degraded"].indexOf(status ?? "");

async function read(
  ref: ObjectRef,
  { client, signal }: DiagnoseOptions,
): Promise<KubeObject | undefined> {
  const resource = await client.resourceFor(apiVersionOf(ref), ref.kind);
  if (resource === undefined) return undefined;
  const { namespace, name } = ref;
  try {
    return await client.get(resource, namespace === "" ? { name } : { namespace, name }, {
      signal,
    });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}

async function causeOf(workload: KubeObject, options: DiagnoseOptions): Promise<Cause | undefined> {
  const { client, signal } = options;
  const found = await revisionPods(client, workload, signal);
  const worst = await worstPod(found.pods, options);
  if (worst !== undefined) {
    const cause = await podCause(worst, options);
    // A Job tries again until it has failed as a whole.
    const isTriedAgain = workload.kind === "Job" && healthOf(workload)?.status !== "Degraded";
    return isTriedAgain ? { ...cause, isFinal: false } : cause;
  }
  const owners = found.owner === undefined ? [workload] : [found.owner, workload];
  for (const owner of owners) {
    const problem = workloadProblem(owner, await eventsOf(owner, options));
    if (problem !== undefined) return { ...problem, log: [], isPreviousLog: false };
  }
  return undefined;
}

interface FailingPod {
  readonly pod: Pod;
  readonly problem: PodProblem;
}

/** One that cannot become ready before one that may. */
async function worstPod(
  pods: readonly Pod[],
  options: DiagnoseOptions,
): Promise<FailingPod | undefined> {
  let worst: FailingPod | undefined;
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const problem = podProblem(pod, await eventsOf(pod, options), options.nowMs);
    if (problem?.isFinal === true) return { pod, problem };
    if (problem !== undefined) worst ??= { pod, problem };
  }
  return worst;
}

async function podCause(
  { pod, problem }: FailingPod,
  { client, signal }: DiagnoseOptions,
): Promise<Cause> {
  const { log: which, container, ...rest } = problem;
  const isPreviousLog = which === "previous";
  const log =
    which === undefined || container === undefined
      ? []
      : await logTail(client, pod, { container, previous: isPreviousLog }, signal);
  const pick = container === undefined ? {} : { container };
  return { ...rest, ...pick, pod: pod.metadata.name, log, isPreviousLog };
}

async function eventsOf(
  { kind, metadata }: KubeObject,
  { client, signal }: DiagnoseOptions,
): Promise<readonly Event[]> {
  const { namespace = "", name, uid } = metadata;
  const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
  const { items } = await client.list(events, { namespace, fieldSelector, signal });
  return items.filter(({ involvedObject }) => involvedObject.uid === uid);
}

function nextCommand({ namespace, kind, name }: ObjectRef, cause: Cause | undefined): string {
  const kubectl = `kubectl -n ${namespace}`;
  if (cause?.pod === undefined) return `${kubectl} describe ${kind.toLowerCase()} ${name}`;
  if (cause.log.length === 0) return `${kubectl} describe pod ${cause.pod}`;
  const container = cause.container === undefined ? "" : ` -c ${cause.container}`;
  return `${kubectl} logs ${cause.pod}${container}${cause.isPreviousLog ? " --previous" : ""}`;
}
