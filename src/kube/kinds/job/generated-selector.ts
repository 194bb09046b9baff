/** The selector that a Job gets from its own uid, so that no two Jobs ever share pods. */
import { isObject, type UnknownObject } from "../../json-object.ts";
import type { Job as UpstreamJob } from "kubernetes-types/batch/v1";
import type { Live } from "../../object.ts";

type Job = Live<UpstreamJob>;

export const CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid";
const JOB_NAME_LABEL = "batch.kubernetes.io/job-name";
/** The same under the names from before 1.27, which people still select by. */
const LEGACY_UID_LABEL = "controller-uid";
const LEGACY_NAME_LABEL = "job-name";

/** Runs before the types are checked: what has another shape is left for the schema to report. */
export function withGeneratedSelector(job: Job): Job {
  const { spec } = job as { readonly spec?: unknown };
  if (!isObject(spec) || spec["manualSelector"] === true) return job;
  const { uid = "", name } = job.metadata;
  const template = isObject(spec["template"]) ? spec["template"] : undefined;
  if (template === undefined) return job;
  const selector = isObject(spec["selector"]) ? spec["selector"] : {};
  const labels = {
    [LEGACY_UID_LABEL]: uid,
    [LEGACY_NAME_LABEL]: name,
    [CONTROLLER_UID_LABEL]: uid,
    [JOB_NAME_LABEL]: name,
  };
  const next: UnknownObject = {
    ...spec,
    selector: {
      ...selector,
      matchLabels: { ...child(selector, "matchLabels"), [CONTROLLER_UID_LABEL]: uid },
    },
    template: {
      ...template,
      metadata: {
        ...child(template, "metadata"),
        labels: { ...child(child(template, "metadata"), "labels"), ...labels },
      },
    },
  };
  return { ...job, spec: next } as unknown as Job;
}

function child(object: UnknownObject, name: string): UnknownObject {
  const value = object[name];
  return isObject(value) ? value : {};
}
