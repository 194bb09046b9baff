/** Gives every pod the priority that its class stands for; 0 without a class. */
import type { PriorityClass as UpstreamPriorityClass } from "kubernetes-types/scheduling/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { KubeObject, Live } from "../../../kube/object.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

type PriorityClass = Live<UpstreamPriorityClass>;
type PriorityValue = Pick<PriorityClass, "value" | "preemptionPolicy">;

const PRIORITY_CLASSES = { group: "scheduling.k8s.io", plural: "priorityclasses" };

/** The classes that every cluster has, stored or not. */
const SYSTEM_CLASSES: ReadonlyMap<string, PriorityValue> = new Map([
  ["system-cluster-critical", { value: 2_000_000_000 }],
  ["system-node-critical", { value: 2_000_001_000 }],
]);

export function priority(store: Store): AdmissionPlugin {
  return {
    name: "Priority",
    mutate: (object, request) => {
      const { kind } = request.target.kind;
      const isNewPod =
        kind.group === "" && kind.plural === "pods" && request.previous === undefined;
      return isNewPod ? withPriority(store, object, request) : object;
    },
  };
}

function withPriority(store: Store, pod: Pod, request: AdmissionRequest): KubeObject {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const [className, found] = classOf(store, spec.priorityClassName ?? "", request);
  const { value, preemptionPolicy = "PreemptLowerPriority" } = found;
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refuse(
      request,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission computed ${value} from the given PriorityClass name`,
    );
  }
  const named = className === "" ? {} : { priorityClassName: className };
  const next: Pod = {
    ...pod,
    spec: {
      ...spec,
      ...named,
      priority: value,
      preemptionPolicy: spec.preemptionPolicy ?? preemptionPolicy,
    },
  };
  return next;
}

function classOf(store: Store, name: string, request: AdmissionRequest): [string, PriorityValue] {
  if (name === "") return defaultClass(store);
  const system = SYSTEM_CLASSES.get(name);
  if (system !== undefined) return [name, system];
  const stored = store.get({ ...PRIORITY_CLASSES, namespace: "", name });
  if (stored === undefined) throw refuse(request, `no PriorityClass with name ${name} was found`);
  return [name, stored.object as PriorityClass];
}

/** The global default; of several the lowest, so that two can never raise each other. */
function defaultClass(store: Store): [string, PriorityValue] {
  const defaults = store
    .list(PRIORITY_CLASSES)
    .items.map(({ object }) => object as PriorityClass)
    .filter(({ globalDefault }) => globalDefault === true)
    .sort((a, b) => a.value - b.value);
  const [lowest] = defaults;
  return lowest === undefined ? ["", { value: 0 }] : [lowest.metadata.name, lowest];
}

const refuse = ({ target: { kind, name } }: AdmissionRequest, message: string) =>
  forbidden(kind.kind, name, message);
