import type { CronJob as UpstreamCronJob } from "kubernetes-types/batch/v1";
import { isObject } from "../json-object.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, NONE, nameColumn, orNone, textColumn } from "./columns.ts";
import { validateCronJob } from "./cronjob/validate-cronjob.ts";
import { ageSince } from "./human-duration.ts";
import { podSpecDefaults } from "./pod-spec/defaults.ts";
import { podSpecWarnings } from "./pod-spec/warnings.ts";
import { templateColumnsOf } from "./pod-template.ts";
import { rewrite } from "./rewrite.ts";

export type CronJob = Live<UpstreamCronJob>;

export const cronJobs: Kind<CronJob> = {
  group: "batch",
  version: "v1",
  kind: "CronJob",
  plural: "cronjobs",
  singular: "cronjob",
  namespaced: true,
  shortNames: ["cj"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("batch/v1", "CronJob");
  },
  columns: [
    nameColumn,
    textColumn("Schedule", "When Jobs are made, as a cron expression.", ({ spec }) =>
      orNone(spec?.schedule),
    ),
    textColumn("Timezone", "Time zone of the schedule.", ({ spec }) => orNone(spec?.timeZone)),
    textColumn("Suspend", "Whether no more Jobs are made.", ({ spec }) =>
      spec?.suspend === undefined ? "<unset>" : spec.suspend ? "True" : "False",
    ),
    {
      name: "Active",
      type: "integer",
      description: "Number of Jobs that run.",
      cell: ({ status }) => (status?.active ?? []).length,
    },
    textColumn("Last Schedule", "Time since the last Job was made.", ({ status }, { nowMs }) =>
      status?.lastScheduleTime === undefined ? NONE : ageSince(status.lastScheduleTime, nowMs),
    ),
    ageColumn,
    ...templateColumnsOf<CronJob>(({ spec }) => spec?.jobTemplate?.spec),
  ],
  strategy: {
    validateName: dns1123Subdomain,
    default: (cronJob) => rewrite(cronJob, CRONJOB_DEFAULTS),
    validate: validateCronJob,
    warnings: templateWarnings,
  },
};

/** Defaults of the Job itself come when it is made, as upstream (pkg/apis/batch/v1/defaults.go). */
const CRONJOB_DEFAULTS = podSpecDefaults("spec.jobTemplate.spec.template.spec");

/** Runs before the types are checked. */
function templateWarnings({ spec }: { readonly spec?: unknown }): string[] {
  let at: unknown = spec;
  for (const name of ["jobTemplate", "spec", "template", "spec"])
    at = isObject(at) ? at[name] : undefined;
  return isObject(at) ? podSpecWarnings(at, "spec.jobTemplate.spec.template.spec") : [];
}
