/** POST `/binding`: assigns a pod to a node, once. */
import type { Binding as UpstreamBinding } from "kubernetes-types/core/v1";
import { setCondition } from "../../../kube/conditions.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { KubeObject, Live } from "../../../kube/object.ts";
import { StatusError } from "../../../kube/status-error.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import type { RequestContext } from "../request-context.ts";
import { readBody } from "../rest/body.ts";
import { commit } from "../rest/commit.ts";
import { timestamp } from "../rest/timestamp.ts";
import { actionSucceeded } from "./action-result.ts";

type Binding = Live<UpstreamBinding>;

const BINDING = { group: "", version: "v1", kind: "Binding", namespaced: true };

/** Throws 409 when the pod has a node already or is being deleted. */
export async function bind(
  backend: Backend,
  context: RequestContext,
  target: Target,
  body: KubeObject,
): Promise<Encoded> {
  const binding = readBody(BINDING, target.namespace, body) as Binding;
  const nodeName = nodeOf(binding, target.name);
  await commit(backend, {
    target,
    context,
    operation: "UPDATE",
    subresource: "binding",
    plan: (stored) => {
      if (stored === undefined) throw StatusError.notFound(target.kind.kind, target.name);
      const pod = stored.object as Pod;
      checkUnassigned(target, pod, binding);
      return { action: "put", object: assigned(pod, binding, nodeName, backend.clock.now()) };
    },
  });
  return actionSucceeded();
}

function nodeOf(binding: Binding, podName: string): string {
  const { kind = "Node", name = "" } = binding.target ?? {};
  if (binding.metadata.name !== "" && binding.metadata.name !== podName) {
    throw StatusError.of("BadRequest", "name in URL does not match name in Binding object");
  }
  if (kind !== "" && kind !== "Node") {
    throw StatusError.invalid(BINDING, podName, [
      {
        reason: "FieldValueNotSupported",
        field: "target.kind",
        value: kind,
        detail: 'supported values: "Node", "<empty>"',
      },
    ]);
  }
  if (name === "") {
    throw StatusError.invalid(BINDING, podName, [
      { reason: "FieldValueRequired", field: "target.name", detail: "" },
    ]);
  }
  return name;
}

function checkUnassigned(target: Target, pod: Pod, { metadata }: Binding): void {
  const refuse = (message: string): StatusError =>
    StatusError.conflict({ group: "", plural: "pods/binding" }, target.name, message);
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${target.name} is being deleted, cannot be assigned to a host`);
  const nodeName = pod.spec?.nodeName ?? "";
  if (nodeName !== "")
    throw refuse(`pod ${target.name} is already assigned to node ${JSON.stringify(nodeName)}`);
  if ((pod.spec?.schedulingGates ?? []).length > 0)
    throw refuse(`pod ${target.name} has non-empty .spec.schedulingGates`);
  const { uid = "" } = metadata;
  if (uid !== "" && uid !== pod.metadata.uid)
    throw refuse(
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid ?? ""}`,
    );
}

function assigned(pod: Pod, { metadata }: Binding, nodeName: string, nowMs: number): Pod {
  const { annotations, labels } = metadata;
  const scheduled = { type: "PodScheduled", status: "True" };
  const conditions = setCondition(pod.status?.conditions, scheduled, timestamp(nowMs));
  // Room that was made for it is made.
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      generation: (pod.metadata.generation ?? 0) + 1,
      ...(annotations === undefined
        ? {}
        : { annotations: { ...pod.metadata.annotations, ...annotations } }),
      ...(labels === undefined ? {} : { labels: { ...pod.metadata.labels, ...labels } }),
    },
    spec: { containers: [], ...pod.spec, nodeName },
    status: { ...status, conditions },
  };
}
