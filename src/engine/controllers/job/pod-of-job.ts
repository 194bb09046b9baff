/** The pods that a Job makes (k8s.io/kubernetes/pkg/controller/job/indexed_job_utils.go). */
import type { Container, EnvVar } from "kubernetes-types/core/v1";
import { type Job, jobs } from "../../../kube/kinds/job.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { controllerReference } from "../ownership/owner-reference.ts";
import { INDEX_FAILURES, INDEX_KEY, TRACKING_FINALIZER } from "./job-pods.ts";

const INDEX_VARIABLE = "JOB_COMPLETION_INDEX";

/** The server adds five characters and a name has at most 63. */
const MAX_PREFIX_LENGTH = 57;

/** To be named by the server. */
export function podOfJob(job: Job, index: number | undefined, indexFailures = 0): Pod {
  const { metadata: template = {}, spec } = job.spec?.template ?? {};
  const { namespace, name } = job.metadata;
  const text = String(index);
  const annotations = {
    ...template.annotations,
    ...(index === undefined ? {} : { [INDEX_KEY]: text }),
    ...(index === undefined || job.spec?.backoffLimitPerIndex === undefined
      ? {}
      : { [INDEX_FAILURES]: String(indexFailures) }),
  };
  const prefix = index === undefined ? `${name}-` : `${name}-${index}-`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "",
      generateName:
        prefix.length > MAX_PREFIX_LENGTH ? `${prefix.slice(0, MAX_PREFIX_LENGTH - 1)}-` : prefix,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.labels, ...(index === undefined ? {} : { [INDEX_KEY]: text }) },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      finalizers: [
        ...(template.finalizers ?? []).filter((one) => one !== TRACKING_FINALIZER),
        TRACKING_FINALIZER,
      ],
      ownerReferences: [controllerReference(jobs, job)],
    },
    ...(spec === undefined
      ? {}
      : { spec: index === undefined ? spec : indexed(spec, `${name}-${index}`) }),
  };
}

function indexed(spec: NonNullable<Pod["spec"]>, hostname: string): NonNullable<Pod["spec"]> {
  const { containers, initContainers } = spec;
  return {
    ...spec,
    hostname,
    containers: containers.map(withIndex),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withIndex) }),
  };
}

/** A variable of the user's own stays. */
function withIndex(container: Container): Container {
  const env = container.env ?? [];
  if (env.some(({ name }) => name === INDEX_VARIABLE)) return container;
  const variable: EnvVar = {
    name: INDEX_VARIABLE,
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX_KEY}']` } },
  };
  return { ...container, env: [...env, variable] };
}
