/** Writes what a look or a sync found into the Application's status, and tells what changed in it. */
import type { Clock } from "../../client/clock.ts";
import { formatTime } from "../../client/timestamps.ts";
import type {
  Application,
  ApplicationRollback,
  ApplicationStatus,
} from "../../kube/kinds/application.ts";
import type { Look } from "../application-look.ts";
import type { ApplicationMemory } from "../application-memory.ts";
import type { Announcer } from "./announce.ts";
import type { ChangeAuthors } from "./drift.ts";
import {
  nextStatus,
  type Outcome,
  type Trouble,
  troubledStatus,
  type StatedCondition,
} from "./application-status.ts";
import type { ApplicationWriter } from "./application-writer.ts";
import { conditionsOf } from "./conditions.ts";
import { refusedState } from "./operation-state.ts";

/** What a sync adds to what a look found. */
export type Synced = Pick<Outcome, "results" | "operation" | "isUnfinished">;
type Stated = Synced & { readonly conditions?: readonly StatedCondition[] };

export interface ReporterOptions {
  readonly clock: Clock;
  readonly writer: ApplicationWriter;
  readonly announcer: Announcer;
  readonly authors: ChangeAuthors;
}

export class StatusReporter {
  readonly #options: ReporterOptions;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** The present as a status writes it. */
  now(): string {
    return formatTime(this.#options.clock.now());
  }

  async report(look: Look, synced: Stated = {}): Promise<void> {
    const outcome = this.#outcome(look, synced);
    const status = nextStatus(look.application, outcome, this.now());
    for (const condition of outcome.conditions.filter(needsAttention))
      this.#options.announcer.condition(look.application, condition);
    this.#options.announcer.health(look.application, status);
    await this.#write(look, status);
  }

  /** What `report` would write. */
  preview(look: Look): ApplicationStatus {
    return nextStatus(look.application, this.#outcome(look, {}), this.now());
  }

  /** The next look finds the revision to go back to. */
  async rollback({ application, memory }: Look, rollback: ApplicationRollback): Promise<void> {
    this.#options.announcer.rolledBack(application, rollback);
    await this.#write({ application, memory }, { ...application.status, rollback });
  }

  /** Like `report`, in the middle of a sync: nothing is announced. */
  async note(look: Look, synced: Synced): Promise<void> {
    await this.#write(look, nextStatus(look.application, this.#outcome(look, synced), this.now()));
  }

  /** Only how the operation went: everything else stays as it was. */
  async operation(
    { application, memory }: Pick<Look, "application" | "memory">,
    operationState: NonNullable<ApplicationStatus["operationState"]>,
  ): Promise<void> {
    const id = operationState.id ?? application.status?.operationState?.id;
    const state = id === undefined ? operationState : { ...operationState, id };
    await this.#write({ application, memory }, { ...application.status, operationState: state });
  }

  /** Nothing usable is known: the status says why, and leaves the rest as it was. */
  async trouble(
    application: Application,
    memory: ApplicationMemory,
    trouble: Trouble,
  ): Promise<void> {
    await this.#write({ application, memory }, troubledStatus(application, trouble, this.now()));
  }

  /** What was asked for cannot be carried out; what goes on without being asked is another look. */
  async refusal(
    application: Application,
    memory: ApplicationMemory,
    refusal: Trouble,
  ): Promise<void> {
    const phase = refusal.type === "InvalidManifests" ? "Failed" : "Error";
    const state = refusedState(application, { ...refusal, phase }, this.now());
    await this.operation({ application, memory }, state);
    await this.#options.writer.operationDone(application, memory);
  }

  #write(
    { application, memory }: Pick<Look, "application" | "memory">,
    status: ApplicationStatus,
  ): Promise<void> {
    return this.#options.writer.status(application, memory, status);
  }

  #outcome(look: Look, { conditions = [], ...synced }: Stated): Outcome {
    const { plan, unusable, manifests, target, subject, judge } = look;
    return {
      plan,
      unusable,
      commit: manifests.commit,
      conditions: [...conditionsOf(look, synced.results), ...conditions],
      trouble: target.trouble,
      rollback: target.rollback,
      specHash: subject.specHash,
      authors: this.#options.authors,
      judge,
      ...synced,
    };
  }
}

/** What waiting does not mend: it is told once. */
function needsAttention({ type, reason }: StatedCondition): boolean {
  if (type === "DependencyNotReady") return reason !== "NotReady";
  return type === "InvalidSyncWindow" || type === "FieldDispute" || type === "RollbackFailed";
}
