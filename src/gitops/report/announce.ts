/** Tells people, by Events and log lines, what the operator noticed and did. */
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Logger } from "../../client/logger.ts";
import type {
  Application,
  ApplicationRollback,
  ApplicationStatus,
} from "../../kube/kinds/application.ts";
import { keyOf } from "../../kube/object.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { formatRef } from "../plan/object-ref.ts";
import { type Plan, summarize } from "../plan/plan.ts";
import type { StatedCondition, Trouble } from "./application-status.ts";
import { ignoreStages, type StageObserver } from "./stage-metrics.ts";

/** Of one sync; an Event has about as many characters as two of them. */
const MAX_EVENTS = 10;
const MAX_FIELDS = 5;
const SHORT_REVISION = 12;

export class Announcer {
  readonly #recorder: EventRecorder;
  readonly #logger: Logger;
  readonly #observer: StageObserver;

  constructor(recorder: EventRecorder, logger: Logger, observer: StageObserver = ignoreStages) {
    this.#recorder = recorder;
    this.#logger = logger;
    this.#observer = observer;
  }

  drift(application: Application, { entries }: Plan): void {
    const differing = entries.filter(({ action }) => action !== "unchanged" && action !== "skip");
    this.#observer.drift(differing.length);
    for (const { ref, action, changes } of differing.slice(0, MAX_EVENTS)) {
      const fields = changes.slice(0, MAX_FIELDS).map((change) => change.path);
      const what = fields.length === 0 ? action : `${action} ${fields.join(", ")}`;
      const message = `${formatRef(ref)} differs from Git: ${what}`;
      this.#recorder.record(application, "Normal", "DriftDetected", message);
    }
  }

  synced(
    application: Application,
    sync: {
      readonly plan: Plan;
      readonly results: readonly ObjectResult[];
      readonly revision: string;
      readonly because: string;
      readonly outlook: string;
    },
  ): void {
    const failed = sync.results.filter((result) => result.status === "SyncFailed");
    const counts = summarize(sync.plan);
    const revision = sync.revision.slice(0, SHORT_REVISION);
    const { because } = sync;
    this.#logger.info(
      { application: keyOf(application), revision, because, ...counts, failed: failed.length },
      "synced",
    );
    for (const { ref, message } of failed.slice(0, MAX_EVENTS))
      this.#recorder.record(
        application,
        "Warning",
        "SyncFailed",
        `${formatRef(ref)}: ${message}${sync.outlook}`,
      );
    if (failed.length > 0) return;
    const done = `${counts.create} created, ${counts.update} changed, ${counts.replace} replaced, ${counts.prune} pruned`;
    this.#recorder.record(application, "Normal", "Synced", `synced to ${revision}: ${done}`);
  }

  /** Once, not at every look that finds the same. */
  trouble(application: Application, trouble: Trouble): void {
    if (isStated(application, trouble)) return;
    const { reason, message } = trouble;
    this.#logger.warn({ application: keyOf(application), reason, message }, "nothing to sync from");
    this.#recorder.record(application, "Warning", reason, message);
  }

  /** What somebody has to mend: once, not at every look that finds the same. */
  condition(application: Application, condition: StatedCondition): void {
    if (isStated(application, condition)) return;
    const { type, reason, message } = condition;
    this.#logger.warn(
      { application: keyOf(application), type, reason, message },
      "needs attention",
    );
    this.#recorder.record(application, "Warning", reason, message);
  }

  rolledBack(application: Application, { revision, reason = "" }: ApplicationRollback): void {
    const short = revision.slice(0, SHORT_REVISION);
    const message = `goes back to ${short}: ${reason}`;
    this.#logger.warn({ application: keyOf(application), revision: short, reason }, "rolling back");
    this.#recorder.record(application, "Warning", "AutomaticRollback", message);
  }

  health(application: Application, next: ApplicationStatus): void {
    const [before, after] = [application.status?.health?.status, next.health?.status];
    if (before === after || after === undefined) return;
    // Every first sync passes through it.
    if (after === "Progressing" && before === undefined) return;
    const why = next.health?.message === undefined ? "" : `: ${next.health.message}`;
    const type = after === "Degraded" || after === "Missing" ? "Warning" : "Normal";
    this.#recorder.record(application, type, `Health${after}`, `health is ${after}${why}`);
  }
}

/** Whether the status says the same already; long messages are cut there. */
function isStated({ status }: Application, { type, reason, message }: StatedCondition): boolean {
  const known = status?.conditions?.find((condition) => condition.type === type);
  return known?.reason === reason && message.startsWith(known.message.slice(0, -1));
}
