/**
 * Gives every pod the priority that its class stands for, 0 without a class; keeps the default class
 * the only one and the system's classes in place (k8s.io/kubernetes/plugin/pkg/admission/priority).
 */
import type { Pod } from "../../../kube/kinds/pod.ts";
import {
  type PriorityClass,
  priorityClasses,
  systemPriorityClasses,
} from "../../../kube/kinds/priorityclass.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

type PriorityValue = Pick<PriorityClass, "value" | "preemptionPolicy">;

export function priority(store: Store): AdmissionPlugin {
  return {
    name: "Priority",
    mutate: (object, request) => {
      if (!isOf(request, "", "pods")) return object;
      if (request.operation === "CREATE") return withPriority(store, object, request);
      return request.operation === "UPDATE" ? withPriorityKept(object, request.previous) : object;
    },
    validate: (object, request) => {
      if (!isOf(request, priorityClasses.group, priorityClasses.plural)) return;
      if (request.operation === "DELETE") checkNotOfSystem(request);
      else checkOnlyDefault(store, object as PriorityClass | undefined, request);
    },
  };
}

const isOf = ({ target, subresource }: AdmissionRequest, group: string, plural: string): boolean =>
  subresource === undefined &&
  target.kind.kind.group === group &&
  target.kind.kind.plural === plural;

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
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    throw refuse(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  }
  const named = className === "" ? {} : { priorityClassName: className };
  const next: Pod = { ...pod, spec: { ...spec, ...named, priority: value, preemptionPolicy } };
  return next;
}

/** A client that replaces a pod from its own manifest does not know them. */
function withPriorityKept(pod: Pod, previous: Pod | undefined): KubeObject {
  const { spec } = pod;
  const before = previous?.spec;
  if (spec === undefined || before === undefined) return pod;
  const kept: Pick<typeof spec, "priority" | "preemptionPolicy"> = {};
  if (spec.priority === undefined && before.priority !== undefined) kept.priority = before.priority;
  if (spec.preemptionPolicy === undefined && before.preemptionPolicy !== undefined)
    kept.preemptionPolicy = before.preemptionPolicy;
  if (Object.keys(kept).length === 0) return pod;
  const next: Pod = { ...pod, spec: { ...spec, ...kept } };
  return next;
}

function classOf(store: Store, name: string, request: AdmissionRequest): [string, PriorityValue] {
  if (name === "") return defaultClass(store);
  const system = systemPriorityClasses.find(({ metadata }) => metadata.name === name);
  if (system !== undefined) return [name, system];
  const { group, plural } = priorityClasses;
  const stored = store.get({ group, plural, namespace: "", name });
  if (stored === undefined) throw refuse(request, `no PriorityClass with name ${name} was found`);
  return [name, stored.object as PriorityClass];
}

/** The global default; of several the lowest, so that two can never raise each other. */
function defaultClass(store: Store): [string, PriorityValue] {
  const [lowest] = defaults(store).sort((a, b) => a.value - b.value);
  return lowest === undefined ? ["", { value: 0 }] : [lowest.metadata.name, lowest];
}

function defaults(store: Store): PriorityClass[] {
  return store
    .list(priorityClasses)
    .items.map(({ object }) => object as PriorityClass)
    .filter(({ globalDefault }) => globalDefault === true);
}

function checkOnlyDefault(
  store: Store,
  next: PriorityClass | undefined,
  request: AdmissionRequest,
): void {
  if (next?.globalDefault !== true) return;
  const other = defaults(store).find(({ metadata }) => metadata.name !== request.target.name);
  if (other === undefined) return;
  throw refuse(
    request,
    `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
  );
}

function checkNotOfSystem(request: AdmissionRequest): void {
  const { name } = request.target;
  if (systemPriorityClasses.some(({ metadata }) => metadata.name === name))
    throw refuse(request, "this is a system priority class and cannot be deleted");
}

const refuse = ({ target: { kind, name } }: AdmissionRequest, message: string) =>
  forbidden(kind.kind, name, message);
